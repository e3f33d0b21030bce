/** What older versions of a projection leave behind, and how it is dropped. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { DataSource } from 'typeorm';
import { balancesDefinition } from '../../projections/balances/balances.definition.js';
import { openDatabase } from '../../projections/runtime/database.js';
import { minPositionOf } from '../../projections/runtime/min-position.js';
import { isHeld } from '../../projections/runtime/projection-report.js';
import { dropOldVersions, unusedTables } from '../../projections/runtime/rebuild/old-versions.js';
import { leadLock } from '../../projections/runtime/schema.js';
import { createDatabase } from '../support/postgres.js';

const OLD = { name: 'balances', version: 1 };

let dataSource: DataSource;
beforeAll(async () => {
  dataSource = await openDatabase(await createDatabase(), [balancesDefinition]);
  await dataSource.query(`
    CREATE TABLE projections.lot_v1 (); CREATE TABLE projections.lot_v9999 (); CREATE TABLE projections.strange ();
    INSERT INTO projections.checkpoint (projection, version, position) VALUES ('balances', 1, 7), ('balances', 9999, 7)`);
});
afterAll(() => dataSource.destroy());

test('only tables of older versions are dropped, and not while somebody keeps them up to date', async () => {
  const unused = [
    { table: 'lot_v1', projection: 'balances' },
    { table: 'lot_v9999', projection: undefined },
    { table: 'strange', projection: undefined },
  ];
  expect(await unusedTables(dataSource, [balancesDefinition])).toEqual(unused);

  const leader = dataSource.createQueryRunner();
  await leader.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [leadLock(OLD)]);
  expect(await isHeld(dataSource, leadLock(OLD))).toBe(true);
  await expect(dropOldVersions(dataSource, [balancesDefinition], balancesDefinition)).rejects.toThrow(/Version 1 of balances/);
  expect(await unusedTables(dataSource, [balancesDefinition])).toEqual(unused);

  await leader.query('SELECT pg_advisory_unlock(hashtextextended($1, 0))', [leadLock(OLD)]);
  await leader.release();
  expect(await dropOldVersions(dataSource, [balancesDefinition], balancesDefinition)).toEqual(['lot_v1']);
  expect(await unusedTables(dataSource, [balancesDefinition])).toEqual(unused.slice(1));
  const left = await dataSource.query('SELECT version FROM projections.checkpoint');
  expect(left).toEqual([{ version: 9999 }]);
});

test('min_position is a position or a 400 that names it', () => {
  expect([minPositionOf(undefined), minPositionOf('0'), minPositionOf('9007199254740993')]).toEqual([0n, 0n, 9007199254740993n]);
  for (const wrong of ['', '-1', '1.5', 'x', '1'.repeat(20), ['1', '2'] as unknown as string]) {
    expect(() => minPositionOf(wrong)).toThrow(/min_position/);
  }
});
