/** The commands that the ledger's benchmarks give: what a call costs the ledger is one reservation and one settlement. */
import type { AccountWriter } from '../src/accounts/account-writer.js';
import type { AccountCommand } from '../src/accounts/domain/account.decider.js';
import { nano } from '../src/kernel/credits.js';

const KEY = 'bench';

export type Ask = (account: string, command: AccountCommand) => Promise<void>;

/** Gives commands to a writer, each under an id of its own; a refusal is a fault of the benchmark. */
export function asking(writer: AccountWriter, prefix: string): Ask {
  let commands = 0;
  return async (account, command) => {
    const cause = {
      commandId: `${prefix}:${commands++}`,
      correlationId: 'bench',
      actor: { type: 'system', id: 'bench' },
    } as const;
    const { rejection } = await writer.execute(account, command, cause);
    if (rejection) throw new Error(`${command.type} was refused: ${rejection.reason}`);
  };
}

export async function open(account: string, ask: Ask): Promise<void> {
  await ask(account, { type: 'OpenAccount', accountId: account, username: 'bench', tier: 'internal' });
  await ask(account, {
    type: 'IssueApiKey',
    keyId: KEY,
    secretHash: '',
    name: KEY,
    limit: undefined,
    limitReset: undefined,
    expiresAt: undefined,
  });
  await ask(account, { type: 'GrantCredits', grantId: KEY, kind: 'top_up', amount: nano(10n ** 15n), priority: 50 });
}

export async function reserveAndSettle(account: string, id: string, ask: Ask): Promise<void> {
  await ask(account, reserve(id));
  await ask(account, settle(id));
}

export const reserve = (id: string): AccountCommand => ({
  type: 'ReserveCredits',
  reservationId: id,
  generationId: id,
  keyId: KEY,
  amount: nano(50_000n),
  quote: { model: 'openai/gpt-4o-mini', priceVersion: 'openai/gpt-4o-mini@1', promptTokensMax: 200, completionTokensMax: 64 },
  settleWithinMs: 900_000,
});

export const settle = (id: string): AccountCommand => ({
  type: 'SettleReservation',
  reservationId: id,
  model: 'openai/gpt-4o-mini',
  cost: {
    exact: '7350000',
    rounded: '7350',
    lines: [
      { class: 'input_uncached', tokens: 9, price: '150000', amount: '1350000' },
      { class: 'output_visible', tokens: 10, price: '600000', amount: '6000000' },
    ],
  },
  usage: { classes: { input_uncached: 9, output_visible: 10 }, source: 'provider' },
  priceVersion: 'openai/gpt-4o-mini@1',
  formulaVersion: 'usage@1',
  attempts: [{ provider: 'openai', upstreamModel: 'gpt-4o-mini', upstreamId: 'chatcmpl-bench', status: 200 }],
  outcome: 'completed',
});
