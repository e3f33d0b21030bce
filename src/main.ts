import { AccountWriter } from './accounts/index.js';
import { administrationToken, readConfiguration } from './configuration.js';
import { openDemoAccount } from './demo-account.js';
import { startEmbeddedServers } from './embedded/embedded-servers.js';
import { openLog } from './http/logging.js';
import { Routing } from './providers/index.js';
import { startServer } from './server.js';

/** How long a shutdown may take before the process ends anyway: answers under way are finished first. */
const SHUTDOWN_MS = 30_000;

/** One Ctrl-C can arrive twice, from the terminal and from npm, which passes it on; only a later one means "at once". */
const SECOND_SIGNAL_AFTER_MS = 1_000;

const say = (text: string) => process.stdout.write(`${text}\n`);

async function main(): Promise<void> {
  const startedAt = performance.now();
  const configuration = readConfiguration(process.env);
  const logger = openLog(configuration.LOG_LEVEL);
  const embedded = configuration.EVENTSTORE_URL === undefined || configuration.DATABASE_URL === undefined;
  if (embedded) say(`Starting; data is kept in ${configuration.DATA_DIR}`);
  const servers = await startEmbeddedServers(
    { eventStoreUrl: configuration.EVENTSTORE_URL, databaseUrl: configuration.DATABASE_URL, dataDir: configuration.DATA_DIR },
    (line) => logger[/^LOG: /.test(line) ? 'debug' : 'warn']({ context: 'embedded' }, line),
  );
  const { token, generatedNow } = administrationToken(configuration);
  const app = await startServer(configuration, { ...servers, administrationToken: token }, logger).catch(async (error) => {
    await servers.close();
    throw error;
  });

  let stoppingSince: number | undefined;
  const stop = async (signal: string): Promise<void> => {
    if (stoppingSince !== undefined) {
      if (performance.now() - stoppingSince > SECOND_SIGNAL_AFTER_MS) process.exit(1);
      return;
    }
    stoppingSince = performance.now();
    say(`\n${signal}: finishing what is under way, then stopping`);
    setTimeout(() => process.exit(1), SHUTDOWN_MS).unref();
    await app.close();
    await servers.close();
    logger.flush();
    process.exit(0);
  };
  process.on('SIGINT', () => void stop('SIGINT'));
  process.on('SIGTERM', () => void stop('SIGTERM'));

  const url = (await app.getUrl()).replace('[::1]', 'localhost');
  say(`Ready in ${((performance.now() - startedAt) / 1000).toFixed(1)} s: ${url} (${[...configuration.ROLES].join(', ')})`);
  if (generatedNow) say(`Administration token (kept in DATA_DIR/admin-token): ${token}`);
  const isDemo = configuration.EVENTSTORE_URL === undefined && app.get(Routing).providers.some(({ id }) => id === 'demo');
  if (isDemo && configuration.ROLES.has('api'))
    say(demoLines(url, await openDemoAccount(app.get(AccountWriter), configuration.DATA_DIR)));
}

const demoLines = (url: string, key: string): string => `
No provider key is configured, so the demo provider answers. Try it:

  curl ${url}/v1/chat/completions -H "Authorization: Bearer ${key}" -H "Content-Type: application/json" -d '{"model": "gpt-5-nano", "messages": [{"role": "user", "content": "Hello!"}]}'

and see what it cost:

  curl ${url}/quota -H "X-API-Key: ${key}"
`;

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
