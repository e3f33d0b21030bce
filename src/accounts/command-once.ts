import type { Cause } from '../event-store/envelope.js';
import type { AccountWriter, Answer } from './account-writer.js';
import type { AccountCommand } from './domain/account.decider.js';

/** A command of an account that follows from a cause elsewhere. It has its effect once under its name, whoever asks. */
export const commandOnce = (
  accounts: Pick<AccountWriter, 'execute'>,
  accountId: string,
  command: AccountCommand,
  name: string,
  { correlationId, actor, commandId }: Cause,
): Promise<Answer> =>
  accounts.execute(accountId, command, { commandId: `${accountId}:${name}`, correlationId, causationId: commandId, actor });
