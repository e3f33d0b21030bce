/** What both append calls ask of an event before it is taken. */
import type { ProposedEvent } from '../log/event-block.js';

/** As it came: undefined is what was not sent, or, of the id, what is not a UUID. */
export interface SentEvent {
  readonly id: Buffer | undefined;
  readonly type: Buffer | undefined;
  readonly contentType: Buffer | undefined;
  readonly metadata: Uint8Array;
  readonly data: Uint8Array;
}

const NO_ID = Buffer.alloc(16);
const TYPE_BYTES_MAX = 0xffff;
const JSON_CONTENT = Buffer.from('application/json');

/** The event, or why it cannot be stored. */
export function proposedEventOf({ id, type, contentType, metadata, data }: SentEvent): ProposedEvent | string {
  if (!id) return 'An event id is not a UUID in text form.';
  if (id.equals(NO_ID)) return 'An event id must not be empty.';
  if (!type) return 'Required metadata property "type" is missing.';
  if (type.length === 0) return 'An event type must not be empty.';
  if (type.length > TYPE_BYTES_MAX) return `An event type must not exceed ${TYPE_BYTES_MAX} bytes.`;
  if (!contentType) return 'Required metadata property "content-type" is missing.';
  return { id, type, isJson: contentType.equals(JSON_CONTENT), metadata, data };
}
