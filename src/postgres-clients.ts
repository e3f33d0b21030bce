import pg from 'pg';

/**
 * An error of a `pg` client that nobody listens to ends the process. Between a connection that stands and their first listener,
 * and while BullMQ migrates its schema, neither TypeORM nor BullMQ listens. What is dropped here is not lost: the end of a
 * connection is an error again, and a query on it rejects.
 */
const { connect } = pg.Client.prototype;
pg.Client.prototype.connect = function (this: pg.Client, ...done: unknown[]) {
  this.on('error', () => undefined);
  return connect.apply(this, done as never);
} as typeof connect;
