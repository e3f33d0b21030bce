/** Disputes on a real event store: what a decision does, once, also where the process dies between any two appends. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { AccountWriter } from '../../src/accounts/index.js';
import { type GenerationEvidence, gatherGenerationEvidence, summaryOf } from '../../src/audit/generation-evidence.js';
import { checkGenerationEvidence } from '../../src/audit/generation-evidence-check.js';
import { SignCheckpointJob } from '../../src/audit/index.js';
import { checkPack, packTextOf } from '../../src/disputes/check-pack.js';
import { Disputes, type KnownDispute } from '../../src/disputes/disputes.js';
import type { DisputeDecided, DisputeOpened, EvidenceSealed } from '../../src/disputes/domain/disputes.events.js';
import { FinishDisputesJob } from '../../src/disputes/finish-disputes.job.js';
import { partsOf, sha256 } from '../../src/disputes/seal-packs.js';
import { canonicalJson } from '../../src/event-store/canonical-json.js';
import { nano } from '../../src/kernel/credits.js';
import { instantToText } from '../../src/kernel/time.js';
import { CREDIT, MortalStore, RepricingLedger } from '../support/repricing-ledger.js';

let ledger: RepricingLedger;
let ids = 0;
let directory: string;
let keys: { publicKey: KeyObject; privateKey: KeyObject };
const stores: MortalStore[] = [];
const clock = { now: () => ledger.now };

beforeAll(async () => {
  ledger = await RepricingLedger.open();
  await ledger.publish({ prompt: '0.000001', completion: '0.000002' });
  directory = await mkdtemp(join(tmpdir(), 'disputes-'));
  keys = generateKeyPairSync('ed25519');
});
afterAll(async () => {
  for (const store of stores) await store.close();
  await ledger?.close();
  await rm(directory, { recursive: true, force: true });
});

/** A process that works on disputes. */
function desk() {
  const store = new MortalStore(ledger.connectionString);
  stores.push(store);
  const accounts = new AccountWriter(store, clock);
  const disputes = new Disputes(store, accounts, clock);
  return { store, accounts, disputes, job: new FinishDisputesJob(store, disputes, clock) };
}
const causeOf = (disputeId: string) =>
  ({ commandId: `dispute:${disputeId}`, correlationId: 'c', actor: { type: 'administrator', id: 'administrator' } }) as const;

const opening = (accountId: string, more: Partial<DisputeOpened['data']>): DisputeOpened['data'] => ({
  disputeId: `d${++ids}`,
  accountId,
  kind: 'payment',
  reasonCode: 'fraud',
  respondBy: instantToText(ledger.now + 3_600_000),
  openedBy: 'ann',
  ...more,
});
const deciding = (decision: DisputeDecided['data']['decision'], decisionId = 'x'): DisputeDecided['data'] => ({
  decisionId,
  decision,
  ...(decision === 'refund' && { intoExpired: 'expire' as const }),
  decidedBy: 'bob',
  reason: 'r',
});

async function paid(payment = 'pay'): Promise<string> {
  const accountId = await ledger.openAccount();
  await ledger.ask(accountId, {
    type: 'GrantCredits',
    grantId: payment,
    kind: 'top_up',
    amount: nano(CREDIT),
    priority: 50,
    paymentId: payment,
  });
  return accountId;
}
async function called(): Promise<string> {
  const accountId = await ledger.openAccount({ amount: CREDIT });
  for (const generationId of ['one', 'two', 'three']) await ledger.call(accountId, generationId, { output_visible: 1_000 });
  return accountId;
}
async function lotOf(accountId: string) {
  const { account } = await ledger.desk.accounts.refresh(accountId);
  const [lot] = account.lots.values();
  return { remaining: lot?.remaining ?? 0n, frozen: lot?.frozen ?? 0n, receivable: account.receivable as bigint };
}
const settled = ({ dispute }: KnownDispute) => ({
  state: dispute.status,
  effects: dispute.carriedOut?.effects.map((e) => e.effect),
});

describe('a dispute of a payment', () => {
  test('freezes at once, and won gives back what it froze', async () => {
    const { disputes } = desk();
    const accountId = await paid();
    const dispute = opening(accountId, { paymentId: 'pay' });
    const cause = causeOf(dispute.disputeId);
    expect((await disputes.open(dispute, cause)).dispute.frozen).toMatchObject({ claimed: '1000000000', frozen: '1000000000' });
    expect(await lotOf(accountId)).toMatchObject({ frozen: CREDIT });
    await disputes.submit(dispute.disputeId, 's', 'ann', cause);
    const won = await disputes.decideOn(dispute.disputeId, deciding('reject'), cause);
    expect(settled(won)).toEqual({ state: 'won', effects: ['unfrozen'] });
    expect(await lotOf(accountId)).toEqual({ remaining: CREDIT, frozen: 0n, receivable: 0n });
    expect(await ledger.problemsOf(accountId)).toEqual([]);
  });

  test('lost claws back, and what was spent is owed', async () => {
    const { disputes } = desk();
    const accountId = await paid();
    await ledger.call(accountId, 'spent', { output_visible: 100_000 });
    const dispute = opening(accountId, { paymentId: 'pay' });
    const cause = causeOf(dispute.disputeId);
    await disputes.open(dispute, cause);
    const lost = await disputes.decideOn(dispute.disputeId, deciding('claw_back'), cause);
    expect(lost.dispute.carriedOut?.effects[0]).toMatchObject({
      effect: 'clawed_back',
      amount: '800000000',
      receivable: '200000000',
    });
    expect(await lotOf(accountId)).toMatchObject({ remaining: 0n, receivable: 200_000_000n });
    expect(await ledger.problemsOf(accountId)).toEqual([]);
  });

  test('that nobody answers is lost when its time is over, not before', async () => {
    const { disputes, job } = desk();
    const accountId = await paid();
    const dispute = opening(accountId, { paymentId: 'pay' });
    await disputes.open(dispute, causeOf(dispute.disputeId));
    ledger.now = Date.parse(dispute.respondBy) - 1;
    await job.run();
    expect((await disputes.show(dispute.disputeId)).dispute.status).toBe('needs_response');
    ledger.now += 1;
    await job.run();
    expect(settled(await disputes.show(dispute.disputeId))).toEqual({ state: 'lost', effects: ['clawed_back'] });
    expect(await lotOf(accountId)).toMatchObject({ remaining: 0n, receivable: 0n });
  });

  test('reopened after it was won freezes again under a name of its own; a repeated first decision decides nothing', async () => {
    const { disputes } = desk();
    const accountId = await paid();
    const dispute = opening(accountId, { paymentId: 'pay' });
    const { disputeId } = dispute;
    const cause = causeOf(disputeId);
    await disputes.open(dispute, cause);
    await disputes.submit(disputeId, 's', 'ann', cause);
    await disputes.decideOn(disputeId, deciding('reject'), cause);
    const respondBy = instantToText(ledger.now + 3_600_000);
    const reopened = await disputes.reopen(disputeId, { reopeningId: 'again', reason: 'r', by: 'ann', respondBy }, cause);
    expect(reopened.dispute.frozen).toMatchObject({ accountDisputeId: `${disputeId}:2`, frozen: '1000000000' });
    await disputes.decideOn(disputeId, deciding('reject'), cause);
    expect(await lotOf(accountId)).toMatchObject({ frozen: CREDIT });
    expect((await disputes.show(disputeId)).dispute.status).toBe('needs_response');
    await disputes.decideOn(disputeId, deciding('claw_back', 'y'), cause);
    expect(await lotOf(accountId)).toMatchObject({ remaining: 0n });
    expect(await ledger.problemsOf(accountId)).toEqual([]);
  });
});

describe('a dispute of usage', () => {
  test('refunds each generation once, however often it is asked, and no more than was left after a refund by hand', async () => {
    const { disputes } = desk();
    const accountId = await called();
    await ledger.refundByHand(accountId, 'two', 500_000n);
    const dispute = opening(accountId, { kind: 'usage', generationIds: ['one', 'two'] });
    const cause = causeOf(dispute.disputeId);
    await disputes.open(dispute, cause);
    const refunded = await disputes.decideOn(dispute.disputeId, deciding('refund'), cause);
    expect(refunded.dispute.carriedOut?.effects.map(({ amount }) => amount)).toEqual(['2000000', '1500000']);
    await disputes.decideOn(dispute.disputeId, deciding('refund'), cause);
    expect(await ledger.free(accountId)).toBe(CREDIT - 2_000_000n);
    expect(await ledger.eventsOf(accountId, 'GenerationRefunded')).toBe(3);
    expect(await ledger.problemsOf(accountId)).toEqual([]);
  });

  test.each([
    ['generation_not_found', { generationIds: ['one', 'nobody'] }],
    ['dispute_exceeds_cost', { generationIds: ['one'], claimed: '2000001' }],
  ])('%s writes nothing', async (code, more) => {
    const { disputes } = desk();
    const dispute = opening(await called(), { kind: 'usage', ...more });
    await expect(disputes.open(dispute, causeOf(dispute.disputeId))).rejects.toMatchObject({ code });
    await expect(disputes.show(dispute.disputeId)).rejects.toMatchObject({ code: 'dispute_not_found' });
  });

  test('that nobody answers goes under review', async () => {
    const { disputes, job } = desk();
    const dispute = opening(await called(), { kind: 'usage', generationIds: ['one'] });
    await disputes.open(dispute, causeOf(dispute.disputeId));
    ledger.now = Date.parse(dispute.respondBy);
    await job.run();
    expect((await disputes.show(dispute.disputeId)).dispute).toMatchObject({ status: 'under_review', decision: undefined });
  });
});

describe('a process that dies', () => {
  test('after any append of a refund is finished by the job, exactly', async () => {
    const { job, disputes } = desk();
    let died = 0;
    for (let appends = 0; ; appends++) {
      const accountId = await called();
      const dispute = opening(accountId, { kind: 'usage', generationIds: ['one', 'two', 'three'] });
      const cause = causeOf(dispute.disputeId);
      await disputes.open(dispute, cause);
      const dying = desk();
      dying.store.appendsLeft = appends;
      const end = await dying.disputes.decideOn(dispute.disputeId, deciding('refund'), cause).catch((error: Error) => error);
      if (!(end instanceof Error)) break;
      died += 1;
      await job.run();
      if (appends === 0) await disputes.decideOn(dispute.disputeId, deciding('refund'), cause);
      expect(settled(await disputes.show(dispute.disputeId)).effects).toEqual(['refunded', 'refunded', 'refunded']);
      expect(await ledger.free(accountId)).toBe(CREDIT);
      expect(await ledger.eventsOf(accountId, 'GenerationRefunded')).toBe(3);
      expect(await ledger.problemsOf(accountId)).toEqual([]);
    }
    // Decided, three refunds, carried out.
    expect(died).toBe(5);
  });

  test('after any append of a payment dispute, opened and lost, is finished by the job, exactly', async () => {
    const { job, disputes } = desk();
    let died = 0;
    for (let appends = 1; ; appends++) {
      const accountId = await paid();
      const dispute = opening(accountId, { paymentId: 'pay' });
      const cause = causeOf(dispute.disputeId);
      const dying = desk();
      dying.store.appendsLeft = appends;
      const whole = async () => {
        await dying.disputes.open(dispute, cause);
        return dying.disputes.decideOn(dispute.disputeId, deciding('claw_back'), cause);
      };
      const end = await whole().catch((error: Error) => error);
      if (!(end instanceof Error)) break;
      died += 1;
      await job.run();
      expect(await lotOf(accountId)).toMatchObject(appends < 4 ? { frozen: CREDIT } : { remaining: 0n });
      await disputes.decideOn(dispute.disputeId, deciding('claw_back'), cause);
      expect(settled(await disputes.show(dispute.disputeId))).toEqual({ state: 'lost', effects: ['clawed_back'] });
      expect(await ledger.eventsOf(accountId, 'LotsFrozen')).toBe(1);
      expect(await ledger.eventsOf(accountId, 'CreditsClawedBack')).toBe(1);
      expect(await ledger.problemsOf(accountId)).toEqual([]);
    }
    // Opened, frozen, recorded, decided, clawed back, recorded: dies after each but the last.
    expect(died).toBe(5);
  });

  test('two processes that decide and finish at once refund once', async () => {
    const [one, two] = [desk(), desk()];
    const accountId = await called();
    const dispute = opening(accountId, { kind: 'usage', generationIds: ['one', 'two', 'three'] });
    const cause = causeOf(dispute.disputeId);
    await one.disputes.open(dispute, cause);
    const decide = ({ disputes }: typeof one) => disputes.decideOn(dispute.disputeId, deciding('refund'), cause);
    await Promise.all([decide(one), decide(two), two.job.run()]);
    expect(await ledger.free(accountId)).toBe(CREDIT);
    expect(await ledger.eventsOf(accountId, 'GenerationRefunded')).toBe(3);
  });
});

describe('the sealed evidence', () => {
  test('waits for a checkpoint, is sealed once, and any tampering with it is found', async () => {
    const { disputes, job, store } = desk();
    const accountId = await called();
    const dispute = opening(accountId, { kind: 'usage', generationIds: ['one', 'two'] });
    await disputes.open(dispute, causeOf(dispute.disputeId));
    await job.run();
    expect((await disputes.show(dispute.disputeId)).dispute.sealed.size).toBe(0);
    const file = join(directory, 'checkpoints.jsonl');
    await new SignCheckpointJob(store, clock, { privateKey: keys.privateKey, file }).run();
    await job.run();
    await job.run();
    const sealed: EvidenceSealed['data'][] = [];
    for await (const { type, data } of store.read(`dispute-${dispute.disputeId}`))
      if (type === 'EvidenceSealed') sealed.push(data as EvidenceSealed['data']);
    expect(sealed.map(({ generationId }) => generationId)).toEqual(['one', 'two']);
    const [first] = sealed as [EvidenceSealed['data']];
    const text = packTextOf([first]);
    expect(checkPack(text, first.sha256, keys.publicKey)).toEqual([]);
    const paths = leavesOf(JSON.parse(text));
    expect(paths.length).toBeGreaterThan(100);
    const forged = (path: Path) => canonicalJson(tampered(JSON.parse(text), path));
    const unnoticed = paths.filter((path) => checkPack(forged(path), first.sha256, keys.publicKey).length === 0);
    expect(unnoticed).toEqual([]);
    // The hash mended as well: what the signed tree does not say of an event is its id and where it stood in the store.
    const mended = paths.filter((path) => checkPack(forged(path), sha256(forged(path)), keys.publicKey).length === 0);
    expect(mended.filter(([list, , name]) => list !== 'events' || (name !== 'id' && name !== 'position'))).toEqual([]);
  });

  test('holds what the ledger says of the call once, and nothing of other lots', async () => {
    const { store } = desk();
    const accountId = await called();
    const grant = { grantId: 'other', kind: 'promo', amount: nano(CREDIT), priority: 90 } as const;
    await ledger.ask(accountId, { type: 'GrantCredits', ...grant });
    await ledger.call(accountId, 'all', { input_uncached: 1_000 }, { hold: CREDIT });
    await new SignCheckpointJob(store, clock, { privateKey: keys.privateKey, file: join(directory, 'once.jsonl') }).run();
    const calls = [{ accountId, generationIds: ['one', 'all'] }];
    const [pack, both] = (await gatherGenerationEvidence(store, calls)) as [GenerationEvidence, GenerationEvidence];
    expect([pack, both].map((each) => checkGenerationEvidence(each, keys.publicKey))).toEqual([[], []]);
    const withEvent = (of: GenerationEvidence, at: number) => {
      const events = [...pack.events, of.events[at] as GenerationEvidence['events'][number]];
      const summary = summaryOf(events.map(({ type, data }) => ({ type, data: JSON.parse(data) })));
      return { ...pack, summary, events, proofs: [...pack.proofs, of.proofs[at]] };
    };
    const settled = pack.events.findIndex(({ type }) => type === 'ReservationSettled');
    expect(checkGenerationEvidence(withEvent(pack, settled), keys.publicKey)).toEqual([expect.stringMatching(/is there twice$/)]);
    const stranger = both.events.findIndex(({ data }) => JSON.parse(data).grantId === 'other');
    const wrong = checkGenerationEvidence(withEvent(both, stranger), keys.publicKey);
    expect(wrong).toEqual([expect.stringMatching(/says nothing of the call$/)]);
  });

  test('that is too long for one event is cut between characters, and whole again', () => {
    const text = 'a😀b😀c';
    const parts = partsOf('one', text, 2);
    expect(parts.map(({ pack }) => pack)).toEqual(['a', '😀', 'b', '😀', 'c']);
    expect(packTextOf([...parts].reverse())).toBe(text);
    expect(parts.every((part) => part.parts === 5 && part.sha256 === sha256(text))).toBe(true);
  });
});

type Path = readonly (string | number)[];
/** Every text and number of a value, by its path. */
function leavesOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return value === null || typeof value === 'boolean' ? [] : [path];
  return Object.entries(value).flatMap(([name, member]) =>
    leavesOf(member, [...path, Array.isArray(value) ? Number(name) : name]),
  );
}
function tampered(pack: object, path: Path): object {
  let at = pack as Record<string | number, unknown>;
  for (const name of path.slice(0, -1)) at = at[name] as typeof at;
  const last = path.at(-1) as string;
  at[last] = typeof at[last] === 'number' ? (at[last] as number) + 1 : flipped(String(at[last]));
  return pack;
}
/** The first character for another one, so that no two encodings of it are the same. */
const flipped = (text: string): string => `${text.startsWith('0') ? '1' : '0'}${text.slice(1)}`;
