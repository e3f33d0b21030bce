/** A ledger on a real event store on which calls are charged by a price book and priced anew, without HTTP in front of it. */
import type { AccountCommand } from '../../src/accounts/index.js';
import { AccountWriter } from '../../src/accounts/index.js';
import { verifyAccount } from '../../src/audit/verify-account.js';
import type { EventToAppend } from '../../src/event-store/envelope.js';
import { type Appended, EventStore } from '../../src/event-store/event-store.js';
import { nano } from '../../src/kernel/credits.js';
import type { PublishedPrices } from '../../src/pricing/domain/pricing.events.js';
import type { PublishModel } from '../../src/pricing/domain/publish-model.js';
import { costOf, costToJson, PriceBook, pricedAtFact, type Usage, withRequest } from '../../src/pricing/index.js';
import { type CallSelection, findCalls } from '../../src/repricing/charged-calls.js';
import { type KnownRepricing, Repricings } from '../../src/repricing/repricings.js';
import { startTemporaryNode } from './event-store-node.js';

export const MODEL = 'test/model';
export const CREDIT = 1_000_000_000n;
const START = Date.UTC(2026, 5, 1, 12);

/** A connection whose process dies: after so many appends nothing reaches the store any more. */
export class MortalStore extends EventStore {
  appendsLeft = Number.POSITIVE_INFINITY;

  override async append(stream: string, events: readonly EventToAppend[], expected: bigint | 'any'): Promise<Appended> {
    if (this.appendsLeft <= 0) throw new Error('the process has died');
    this.appendsLeft -= 1;
    return super.append(stream, events, expected);
  }
}

/** A process that works on the ledger. */
export interface Desk {
  readonly store: MortalStore;
  readonly accounts: AccountWriter;
  readonly prices: PriceBook;
  readonly repricings: Repricings;
}

export class RepricingLedger {
  now = START;
  private accountsOpened = 0;
  private commands = 0;
  private readonly desks: Desk[] = [];

  private constructor(
    private readonly node: Awaited<ReturnType<typeof startTemporaryNode>>,
    readonly desk: Desk,
  ) {}

  static async open(): Promise<RepricingLedger> {
    const node = await startTemporaryNode();
    const clock = { now: () => START };
    const ledger = new RepricingLedger(node, await deskAt(node.connectionString, clock));
    clock.now = () => ledger.now;
    return ledger;
  }

  get connectionString(): string {
    return this.node.connectionString;
  }

  /** Another process beside the first. */
  async anotherDesk(): Promise<Desk> {
    const desk = await deskAt(this.connectionString, { now: () => this.now });
    this.desks.push(desk);
    return desk;
  }

  async close(): Promise<void> {
    for (const { prices, store } of [this.desk, ...this.desks]) {
      await prices.close();
      await store.close();
    }
    await this.node.dispose();
  }

  /** @returns the price version */
  async publish(prices: PublishedPrices, model = MODEL): Promise<string> {
    this.now += 1;
    const published = await this.desk.prices.publish(publication(model, prices), this.cause('publish'));
    if ('rejection' in published) throw new Error(published.rejection.reason);
    return published.model.priceVersion;
  }

  /** @returns an account with a key, and lots of these nano-credits */
  async openAccount(...grants: readonly { amount: bigint; priority?: number; expiresAt?: number }[]): Promise<string> {
    const accountId = `account${++this.accountsOpened}`;
    await this.ask(accountId, { type: 'OpenAccount', accountId, username: 'u', tier: 'internal', welcomeCredits: nano(0n) });
    await this.ask(accountId, {
      type: 'IssueApiKey',
      keyId: 'k',
      secretHash: 'h',
      name: 'n',
      limit: undefined,
      limitReset: undefined,
      expiresAt: undefined,
    });
    for (const [index, { amount, priority = 50, ...expiry }] of grants.entries())
      await this.ask(accountId, {
        type: 'GrantCredits',
        grantId: `g${index}`,
        kind: 'top_up',
        amount: nano(amount),
        priority,
        ...expiry,
      });
    return accountId;
  }

  /** Charges a call at the price in force. @returns its cost in nano-credits */
  async call(accountId: string, generationId: string, usage: Usage, { hold = 0n, model = MODEL } = {}): Promise<bigint> {
    const priced = this.desk.prices.resolve(model);
    if (!priced) throw new Error(`there is no model ${model}`);
    const { prices, priceVersion, formulaVersion } = priced;
    const used = withRequest(usage, prices);
    const at = this.now;
    const cost = costOf(used, prices, at);
    await this.ask(accountId, {
      type: 'ReserveCredits',
      reservationId: generationId,
      generationId,
      keyId: 'k',
      amount: nano(hold > 0n ? hold : cost.rounded),
      quote: { model, priceVersion, promptTokensMax: 1, completionTokensMax: 1 },
      settleWithinMs: 60_000,
    });
    this.now += 1_000;
    await this.ask(accountId, {
      type: 'SettleReservation',
      reservationId: generationId,
      model,
      cost: costToJson(cost),
      usage: { classes: used as Record<string, number>, source: 'provider' },
      priceVersion,
      formulaVersion,
      ...pricedAtFact(prices, at),
      attempts: [{ provider: 'p', upstreamModel: 'm', status: 200 }],
      outcome: 'completed',
    });
    return cost.rounded;
  }

  async ask(accountId: string, command: AccountCommand, desk = this.desk): Promise<void> {
    const { rejection } = await desk.accounts.execute(accountId, command, this.cause(accountId));
    if (rejection) throw new Error(`${command.type}: ${rejection.reason}`);
  }

  /** @returns the id of a repricing that ann has proposed */
  async propose(accountId: string, selection: CallSelection, priceVersion: string): Promise<string> {
    const repricingId = `r${++this.commands}`;
    const ask = { repricingId, accountId, selection, priceVersion, reason: 'r', requestedBy: 'ann', onlyRefunds: false };
    await this.desk.repricings.propose(ask, causeOf(repricingId));
    return repricingId;
  }

  /** Approved by bob. */
  carryOut(repricingId: string, { repricings } = this.desk): Promise<KnownRepricing> {
    return repricings.approve(repricingId, 'bob', false, causeOf(repricingId));
  }

  /** @param amount all that can be given back where there is none. False where the account refuses. */
  async refundByHand(accountId: string, generationId: string, amount?: bigint): Promise<boolean> {
    const { calls } = await findCalls(this.desk.store, accountId, { generationIds: [generationId] }, 1);
    const [call] = calls;
    if (!call) throw new Error(`${generationId} was not charged`);
    const { rejection } = await this.desk.accounts.execute(
      accountId,
      {
        type: 'RefundGeneration',
        refundId: `hand-${++this.commands}`,
        generationId,
        amount: amount === undefined ? undefined : nano(amount),
        reason: 'r',
        intoExpired: 'expire',
        paid: { debits: call.debits, shortfall: nano(call.shortfall) },
      },
      this.cause(accountId),
    );
    return rejection === undefined;
  }

  /** What remains of each lot; nano-credits. */
  async lots(accountId: string): Promise<Record<string, bigint>> {
    const { account } = await this.desk.accounts.refresh(accountId);
    return Object.fromEntries([...account.lots.values()].map(({ lotId, remaining }) => [lotId, remaining as bigint]));
  }

  async free(accountId: string): Promise<bigint> {
    return Object.values(await this.lots(accountId)).reduce((sum, remaining) => sum + remaining, 0n);
  }

  /** How many events of each type the account has. */
  async eventsOf(accountId: string, type: string): Promise<number> {
    let count = 0;
    for await (const event of this.desk.store.read(`account-${accountId}`)) if (event.type === type) count += 1;
    return count;
  }

  /** What the auditor has to say against the account. */
  async problemsOf(accountId: string): Promise<readonly string[]> {
    const { problems } = await verifyAccount(this.desk.store, accountId);
    return problems.map(({ rule, text }) => `${rule}: ${text}`);
  }

  cause(name: string) {
    return {
      commandId: `${name}:${++this.commands}`,
      correlationId: 'c',
      actor: { type: 'system', id: 'test' },
    } as const;
  }
}

async function deskAt(connectionString: string, clock: { now(): number }): Promise<Desk> {
  const store = new MortalStore(connectionString);
  const prices = new PriceBook(store, clock);
  await prices.load();
  const accounts = new AccountWriter(store, clock);
  return { store, accounts, prices, repricings: new Repricings(store, accounts, prices, clock) };
}

const publication = (id: string, prices: PublishedPrices): PublishModel => ({
  catalogue: {
    id,
    aliases: [],
    name: id,
    description: '',
    contextLength: 1_000_000,
    maxCompletionTokens: 1_000_000,
    inputModalities: ['text'],
    outputModalities: ['text'],
    supportedParameters: [],
    tokenizer: 'Other',
    routes: [{ provider: 'openai', upstreamModel: 'm' }],
    imageTokensMax: 1,
  },
  prices,
});

export const causeOf = (repricingId: string) =>
  ({ commandId: `repricing:${repricingId}`, correlationId: 'c', actor: { type: 'administrator', id: 'administrator' } }) as const;
