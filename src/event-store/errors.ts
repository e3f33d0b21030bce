/** The stream is not where the writer thought: somebody else wrote. Nothing was appended. */
export class WrongExpectedRevision extends Error {
  constructor(readonly stream: string) {
    super(`stream ${stream} is at another revision than expected`);
  }
}

/** The append may or may not have happened: no answer in time, or the connection broke. Repeat it, never take it for a failure. */
export class AppendOutcomeUnknown extends Error {
  constructor(stream: string, cause: unknown) {
    super(`the outcome of an append to ${stream} is unknown`, { cause });
  }
}

/** The store did not answer a read, or refused an append before it could happen. */
export class EventStoreUnavailable extends Error {
  constructor(what: string, cause: unknown) {
    super(`the event store is unavailable: ${what}`, { cause });
  }
}

/** The client's messages for an event that is larger than the store takes, or a stream that was deleted: final. */
export class AppendRefused extends Error {
  constructor(stream: string, cause: unknown) {
    super(`the event store refused an append to ${stream}`, { cause });
  }
}

/** More writes wait for one stream than may. Nothing was written; try again later. */
export class WriteQueueFull extends Error {
  constructor(stream: string) {
    super(`too many writes wait for ${stream}`);
  }
}

/**
 * An account's stream holds an event that cannot be decoded or folded: of an unknown type, or impossible after those before it.
 * Nothing can be decided on it until somebody has looked. It names the event and never its data.
 */
export class AccountUnreadable extends Error {
  constructor(
    readonly stream: string,
    readonly revision: bigint,
    readonly type: string,
  ) {
    super(`${stream} cannot be read: event ${revision}, ${type}, cannot be folded`);
  }
}
