/**
 * Passed at every start rather than written into the cluster, so that an older cluster gets them too. Small: read models that can
 * be rebuilt and a job queue. fsync and synchronous_commit keep their defaults (on): an acknowledged job survives a power failure.
 */
export function serverSettings(port: number): string[] {
  return [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    // For several processes: each has up to fifty, for its read models, queues, reports and named requests.
    'max_connections=200',
    'shared_buffers=64MB',
    'min_wal_size=32MB',
    'max_wal_size=256MB',
    // No replicas: less log per write, and no processes that wait for one.
    'wal_level=minimal',
    'max_wal_senders=0',
    'max_logical_replication_workers=0',
    // Short queries only: compiling them or spreading them over workers costs more than it saves.
    'jit=off',
    'max_parallel_workers_per_gather=0',
    'io_method=sync',
    'timezone=UTC',
    'log_timezone=UTC',
    // English, because the ready line is read; the caller's log has times of its own.
    'lc_messages=C',
    'log_line_prefix=',
    'log_checkpoints=off',
  ];
}
