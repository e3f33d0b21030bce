import { randomUUID } from 'node:crypto';
import { applyDecorators, Controller, Injectable, UseGuards, UseInterceptors } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { EventStore } from '../event-store/event-store.js';
import { AdministrationGuard } from '../http/administration.guard.js';
import { IdempotentWrites } from '../idempotency/index.js';
import { isAccountId } from '../kernel/ids.js';
import { AccountWriter, type Answer } from './account-writer.js';
import { CommandAccount } from './accounts.handlers.js';
import { problemOf } from './accounts.problems.js';
import type { AccountCommand } from './domain/account.decider.js';
import { type Account, isOpen } from './domain/account.js';
import type { AccountEvent } from './domain/accounts.events.js';
import { findFirstEffect } from './find-first-effect.js';

/** A controller of the administration of accounts: who may use it, and how often a named request is done. */
export const AdministrationOfAccounts = () =>
  applyDecorators(Controller('api/v3/admin/accounts'), UseGuards(AdministrationGuard), UseInterceptors(IdempotentWrites));

type Fact<Type extends AccountEvent['type']> = Extract<AccountEvent, { type: Type }>['data'];

/** The event that a command was asked for, as it happened the first time, and what followed from it at once. */
export interface Done<Type extends AccountEvent['type']> {
  readonly fact: Fact<Type>;
  readonly followed: readonly AccountEvent[];
  /** Decimal text: a read that has seen this position has seen the command's effect. */
  readonly position: string;
}

/** Asks accounts on behalf of the administrator. All of it throws ApiError where the account says no. */
@Injectable()
export class Administration {
  constructor(
    private readonly commands: CommandBus,
    private readonly accounts: AccountWriter,
    private readonly store: EventStore,
  ) {}

  /** The account as its stream says now. */
  async account(accountId: string): Promise<Account> {
    const { account } = await this.accounts.refresh(accountOf(accountId));
    if (!isOpen(account)) throw problemOf({ reason: 'account_not_found' });
    return account;
  }

  /**
   * Asks for something that has a name and happens once: asked again, it answers with what happened the first time.
   * @param isIt whether an event of the type, by its place among those of its command, is the one that the name stands for
   */
  async once<Type extends AccountEvent['type']>(
    accountId: string,
    command: AccountCommand,
    name: string,
    type: Type,
    isIt: (fact: Fact<Type>, index: number) => boolean,
  ): Promise<Done<Type>> {
    const answer = await this.execute(accountId, command, name);
    const isBeginning = (event: AccountEvent, index: number) => event.type === type && isIt(event.data as Fact<Type>, index);
    const effect = answer.events.length > 0 ? answer : await findFirstEffect(this.store, accountId, isBeginning);
    const [first, ...followed] = effect?.events ?? [];
    if (!effect || !first || first.type !== type) throw new Error(`${command.type} was done, but no ${type} says so`);
    return { fact: first.data as Fact<Type>, followed, position: effect.position.toString() };
  }

  /** Asks for a state rather than for something new: it may be asked for again and again. */
  async change(accountId: string, command: AccountCommand, name: string): Promise<Answer> {
    return this.execute(accountId, command, `${name}:${randomUUID()}`);
  }

  private async execute(accountId: string, command: AccountCommand, name: string): Promise<Answer> {
    const cause = {
      commandId: `${accountOf(accountId)}:${name}`,
      correlationId: randomUUID(),
      actor: { type: 'administrator', id: 'administrator' },
    } as const;
    const answer = await this.commands.execute(new CommandAccount(accountId, command, cause));
    if (answer.rejection) throw problemOf(answer.rejection);
    return answer;
  }
}

/** What cannot be an account's id is not there, without asking the store. */
export function accountOf(userId: string): string {
  if (!isAccountId(userId)) throw problemOf({ reason: 'account_not_found' });
  return userId;
}
