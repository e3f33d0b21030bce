import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { Cause } from '../event-store/envelope.js';
import { AccountWriter, type Answer } from './account-writer.js';
import type { AccountCommand } from './domain/account.decider.js';

/** Asks something of an account. The commands themselves are values, decided in domain/. */
export class CommandAccount extends Command<Answer> {
  constructor(
    readonly accountId: string,
    readonly command: AccountCommand,
    readonly cause: Cause,
  ) {
    super();
  }
}

@CommandHandler(CommandAccount)
export class CommandAccountHandler implements ICommandHandler<CommandAccount> {
  constructor(private readonly accounts: AccountWriter) {}

  execute({ accountId, command, cause }: CommandAccount): Promise<Answer> {
    return this.accounts.execute(accountId, command, cause);
  }
}
