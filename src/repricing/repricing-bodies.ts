import { z } from 'zod';
import { instantSchema, plainText } from '../accounts/index.js';
import { invalid, parse } from '../http/validation.js';
import type { PriceBook } from '../pricing/index.js';
import type { CallSelection } from './charged-calls.js';
import { pricesBody } from './prices-body.js';
import { modelNotFound } from './repricing.problems.js';
import type { AskedRepricing } from './repricings.js';

const REASON_MAX = 500;
const ID = /^[A-Za-z0-9._-]{1,64}$/;
const person = z.string().regex(/^[A-Za-z0-9._:-]{1,128}$/, 'must be 1 to 128 letters, digits or . _ : -');
const repricingId = z.string().regex(ID, 'must be 1 to 64 letters, digits or . _ -');
const priceVersion = z.string().min(1).max(220);
const text = z.string().min(1).max(220);

const selection = (max: number) => ({
  account_id: text,
  generation_ids: z.array(text).min(1).max(max).optional(),
  from: instantSchema.optional(),
  until: instantSchema.optional(),
  model: text.optional(),
});

const WHAT_IF_CALLS_MAX = 10_000;
const REPRICING_CALLS_MAX = 5_000;
const whatIfBody = z.strictObject({
  ...selection(WHAT_IF_CALLS_MAX),
  price_version: priceVersion.optional(),
  prices: pricesBody.optional(),
});
const proposalBody = z.strictObject({
  repricing_id: repricingId,
  ...selection(REPRICING_CALLS_MAX),
  price_version: priceVersion,
  reason: plainText(REASON_MAX),
  requested_by: person,
  only_refunds: z.boolean().default(false),
});
const approvalBody = z.strictObject({ approved_by: person, only_refunds: z.boolean().default(false) });
const rejectionBody = z.strictObject({ rejected_by: person, reason: plainText(REASON_MAX).optional() });

export const parseApproval = (body: unknown) => parse(approvalBody, body);
export const parseRejection = (body: unknown) => parse(rejectionBody, body ?? {});

/** An id in the path. Throws the 400 that names it. */
export function repricingIdOf(value: string): string {
  if (!ID.test(value)) throw invalid('repricing_id', 'must be 1 to 64 letters, digits or . _ -');
  return value;
}

export function parseWhatIf(body: unknown, book: PriceBook) {
  const said = parse(whatIfBody, body);
  const { price_version: priceVersion, prices } = said;
  if ((priceVersion === undefined) === (prices === undefined))
    throw invalid('price_version', 'say either "price_version" or "prices"');
  return { accountId: said.account_id, selection: selected(said, book), priceVersion, prices };
}

/** Without a word about the calls, those of the model that the price version is of. */
export function parseProposal(body: unknown, book: PriceBook): AskedRepricing {
  const said = parse(proposalBody, body);
  const chosen = selected(said, book);
  const isNarrowed = chosen.generationIds !== undefined || chosen.model !== undefined;
  const own = said.price_version.slice(0, said.price_version.lastIndexOf('@'));
  return {
    repricingId: said.repricing_id,
    accountId: said.account_id,
    selection: isNarrowed ? chosen : { ...chosen, model: own },
    priceVersion: said.price_version,
    reason: said.reason,
    requestedBy: said.requested_by,
    onlyRefunds: said.only_refunds,
  };
}

interface SaidSelection {
  readonly generation_ids?: string[] | undefined;
  readonly from?: number | undefined;
  readonly until?: number | undefined;
  readonly model?: string | undefined;
}

function selected({ generation_ids: generationIds, from, until, model }: SaidSelection, book: PriceBook): CallSelection {
  const isRange = from !== undefined || until !== undefined || model !== undefined;
  if (generationIds && isRange) throw invalid('generation_ids', 'say either these or "from", "until" and "model"');
  if (generationIds) return { generationIds };
  if (from !== undefined && until !== undefined && until <= from) throw invalid('until', 'must be after "from"');
  return {
    ...(from === undefined ? {} : { from }),
    ...(until === undefined ? {} : { until }),
    ...(model === undefined ? {} : { model: modelIdOf(model, book) }),
  };
}

/** Settlements name a model by its id. */
function modelIdOf(name: string, book: PriceBook): string {
  const model = book.resolve(name);
  if (!model) throw modelNotFound();
  return model.id;
}
