/**
 * The stored form of one append: what was written together lies together, under the position of its first event. Event i of
 * the block has position `firstPosition + i` and revision `firstRevision + i`. Stream name and event type precede the payloads,
 * so that a filter reads only headers.
 *
 *   u8 version | u32 count | u48 created (ms) | u48 stream number | u48 first revision | u16 name length | name
 *   then per event: 16 id | u8 flags (1 = JSON) | u16 type length | u32 metadata length | u32 data length | type | metadata | data
 */
const VERSION = 1;
const BLOCK_HEADER = 25;
const EVENT_HEADER = 27;
const JSON_FLAG = 1;

export interface ProposedEvent {
  /** 16 bytes. */
  readonly id: Buffer;
  readonly type: Uint8Array;
  readonly isJson: boolean;
  readonly metadata: Uint8Array;
  readonly data: Uint8Array;
}

export interface BlockHeader {
  readonly createdMs: number;
  readonly streamNumber: number;
  readonly firstRevision: number;
  readonly streamName: Uint8Array;
}

export function encodeBlock(header: BlockHeader, events: readonly ProposedEvent[]): Buffer {
  let size = BLOCK_HEADER + header.streamName.length;
  for (const event of events) size += EVENT_HEADER + event.type.length + event.metadata.length + event.data.length;
  const block = Buffer.allocUnsafe(size);
  block[0] = VERSION;
  block.writeUInt32BE(events.length, 1);
  block.writeUIntBE(header.createdMs, 5, 6);
  block.writeUIntBE(header.streamNumber, 11, 6);
  block.writeUIntBE(header.firstRevision, 17, 6);
  block.writeUInt16BE(header.streamName.length, 23);
  block.set(header.streamName, BLOCK_HEADER);
  let at = BLOCK_HEADER + header.streamName.length;
  for (const { id, type, isJson, metadata, data } of events) {
    block.set(id, at);
    block[at + 16] = isJson ? JSON_FLAG : 0;
    block.writeUInt16BE(type.length, at + 17);
    block.writeUInt32BE(metadata.length, at + 19);
    block.writeUInt32BE(data.length, at + 23);
    block.set(type, at + EVENT_HEADER);
    block.set(metadata, at + EVENT_HEADER + type.length);
    block.set(data, at + EVENT_HEADER + type.length + metadata.length);
    at += EVENT_HEADER + type.length + metadata.length + data.length;
  }
  return block;
}

/**
 * A moving view of one event in a block. Reading allocates nothing per event, which is what makes a scan of the log cheap;
 * whoever wants to keep an event copies what it needs before the cursor moves on.
 */
export class EventCursor {
  block: Buffer = Buffer.alloc(0);
  position = 0;
  revision = 0;
  createdMs = 0;
  streamNumber = 0;
  streamNameAt = BLOCK_HEADER;
  streamNameLength = 0;
  /** Events in the block. */
  count = 0;
  idAt = 0;
  isJson = false;
  typeAt = 0;
  typeLength = 0;
  metadataAt = 0;
  metadataLength = 0;
  dataAt = 0;
  dataLength = 0;
  private firstPosition = 0;
  private firstRevision = 0;
  private firstEventAt = 0;
  private index = 0;

  load(block: Buffer, firstPosition: number): void {
    if (block[0] !== VERSION) throw new Error(`event store: the block at position ${firstPosition} has an unknown format`);
    this.block = block;
    this.count = block.readUInt32BE(1);
    this.createdMs = block.readUIntBE(5, 6);
    this.streamNumber = block.readUIntBE(11, 6);
    this.firstRevision = block.readUIntBE(17, 6);
    this.streamNameLength = block.readUInt16BE(23);
    this.firstEventAt = BLOCK_HEADER + this.streamNameLength;
    this.firstPosition = firstPosition;
    this.index = 0;
    this.readEventAt(this.firstEventAt);
  }

  /** Moves within the block; stepping to the next event is the cheap case. */
  moveTo(index: number): void {
    if (index < this.index) {
      this.index = 0;
      this.readEventAt(this.firstEventAt);
    }
    while (this.index < index) {
      this.index++;
      this.readEventAt(this.dataAt + this.dataLength);
    }
  }

  get id(): Buffer {
    return this.block.subarray(this.idAt, this.idAt + 16);
  }

  get streamName(): string {
    return this.block.toString('utf8', this.streamNameAt, this.streamNameAt + this.streamNameLength);
  }

  get type(): string {
    return this.block.toString('utf8', this.typeAt, this.typeAt + this.typeLength);
  }

  private readEventAt(at: number): void {
    const { block } = this;
    this.position = this.firstPosition + this.index;
    this.revision = this.firstRevision + this.index;
    this.idAt = at;
    this.isJson = (block[at + 16] as number) === JSON_FLAG;
    this.typeLength = block.readUInt16BE(at + 17);
    this.metadataLength = block.readUInt32BE(at + 19);
    this.dataLength = block.readUInt32BE(at + 23);
    this.typeAt = at + EVENT_HEADER;
    this.metadataAt = this.typeAt + this.typeLength;
    this.dataAt = this.metadataAt + this.metadataLength;
  }
}
