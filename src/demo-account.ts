import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AccountCommand, AccountWriter, newAccountId, newApiKey } from './accounts/index.js';
import { type NanoCredits, parseCredits } from './kernel/credits.js';

const CREDITS = '10';
const DEFAULT_PRIORITY = 50;

/**
 * The account that a first `npm start` prints a curl line for. Its key is kept in DATA_DIR before the account is opened, and
 * the commands have their effect once, so that a start broken off in the middle is completed by the next one.
 * @returns the key
 */
export async function openDemoAccount(accounts: AccountWriter, dataDir: string): Promise<string> {
  const { accountId, key, keyId, secretHash } = demoKey(join(dataDir, 'demo-key.json'));
  const commands: AccountCommand[] = [
    { type: 'OpenAccount', accountId, username: 'demo', tier: 'premium' },
    {
      type: 'GrantCredits',
      grantId: 'demo',
      kind: 'promo',
      amount: parseCredits(CREDITS) as NanoCredits,
      priority: DEFAULT_PRIORITY,
    },
    { type: 'IssueApiKey', keyId, secretHash, name: 'demo', limit: undefined, limitReset: undefined, expiresAt: undefined },
  ];
  for (const command of commands) {
    const commandId = `${accountId}:demo:${command.type}`;
    await accounts.execute(accountId, command, { commandId, correlationId: 'demo', actor: { type: 'system', id: 'start' } });
  }
  return key;
}

interface DemoKey extends ReturnType<typeof newApiKey> {
  readonly accountId: string;
}

function demoKey(file: string): DemoKey {
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as DemoKey;
  const accountId = newAccountId();
  const demo = { accountId, ...newApiKey(accountId) };
  writeFileSync(file, `${JSON.stringify(demo, null, 2)}\n`, { mode: 0o600 });
  return demo;
}
