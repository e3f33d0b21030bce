import { EntitySchema } from 'typeorm';
import { flag, instant, integer, position, text } from '../runtime/columns.js';
import { SCHEMA, tableName } from '../runtime/schema.js';
import type { ProjectionDefinition } from '../runtime/stored-projection.js';
import { type DisputeRow, type DisputeTables, disputes } from './disputes.projection.js';

export const disputeEntity = new EntitySchema<DisputeRow>({
  name: 'Dispute',
  schema: SCHEMA,
  tableName: tableName('dispute', disputes.version),
  columns: {
    disputeId: text('dispute_id', { primary: true }),
    accountId: text('account_id'),
    kind: text('kind'),
    state: text('state'),
    round: integer('round'),
    respondBy: instant('respond_by'),
    openedAt: instant('opened_at'),
    decidedAt: instant('decided_at', { nullable: true }),
    carriedOut: flag('carried_out'),
    evidencePending: integer('evidence_pending'),
    position: position('position'),
  },
  indices: [{ columns: ['state', 'respondBy'] }, { columns: ['accountId'] }],
});

export const disputesDefinition: ProjectionDefinition<DisputeTables> = {
  projection: disputes,
  entities: { disputes: disputeEntity },
};
