/**
 * A runner of the balances in a process of its own, which kills itself. Needs `npm run build`.
 * `node projection-process.js <store> <database> <deadly>`: of the statements of the session that leads, from the moment that it
 * leads, the n-th, where <deadly> is a number, or the first that begins with <deadly> is not sent: the process dies by SIGKILL
 * before it, having written its beginning to standard output.
 */
import { writeSync } from 'node:fs';
import { balancesDefinition } from '../../dist/projections/balances/balances.definition.js';
import { openDatabase } from '../../dist/projections/runtime/database.js';
import { Freshness } from '../../dist/projections/runtime/freshness.js';
import { ProjectionRunner } from '../../dist/projections/runtime/runner.js';
import { EventStore } from '../../dist/src/event-store/event-store.js';

const [storeUrl, databaseUrl, deadly] = process.argv.slice(2);
const dataSource = await openDatabase(databaseUrl, [balancesDefinition]);

let sent = 0;
const createQueryRunner = dataSource.createQueryRunner.bind(dataSource);
dataSource.createQueryRunner = (mode) => {
  const session = createQueryRunner(mode);
  const query = session.query.bind(session);
  let leads = false;
  session.query = async (sql, ...rest) => {
    if (leads) sent += 1;
    if (leads && (sent === Number(deadly) || sql.startsWith(deadly))) {
      writeSync(1, sql.trim().replace(/\s+/g, ' ').slice(0, 60));
      process.kill(process.pid, 'SIGKILL');
    }
    const answer = await query(sql, ...rest);
    if (sql.includes('pg_try_advisory_lock')) leads = answer[0].locked;
    return answer;
  };
  return session;
};

// One that cannot go on must not be waited for.
const log = { log: () => {}, warn: () => {}, error: () => process.exit(1) };
const freshness = new Freshness(dataSource);
const options = { batchMax: 3, standbyMs: 10 };
new ProjectionRunner(balancesDefinition, dataSource, new EventStore(storeUrl), freshness, log, options).start();
