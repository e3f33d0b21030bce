import type { DataSource, EntitySchema } from 'typeorm';
import { accountStream } from '../../src/accounts/domain/accounts.events.js';
import { notStopped } from '../runtime/stopped-streams.js';
import { balances } from './balances.projection.js';

/** What the lists of accounts that somebody should look at have in common. Amounts come as text, for they may exceed 64 bits. */
export const ofAccountsThatGoOn = (accountIdSql: string): string =>
  notStopped(balances, `'${accountStream('')}' || ${accountIdSql}`);

/** The table of an entity, for statements that are written out. */
export const tableOf = (dataSource: DataSource, entity: EntitySchema): string => dataSource.getMetadata(entity).tablePath;
