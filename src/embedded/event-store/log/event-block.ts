/**
 * The stored form of one append: what was written together lies together, under the position of its first event. Event i of
 * the block has position `firstPosition + i` and revision `firstRevision + i`. Stream name and event type precede the payloads,
 * so that a filter reads only headers.
 *
 *   u8 version | u32 CRC-32 of all that follows
 *   u32 count | u48 created (ms) | u48 stream number | u48 first revision | u16 name length | name
 *   then per event: 16 id | u8 flags (1 = JSON) | u16 type length | u32 metadata length | u32 data length | type | metadata | data
 *
 * Blocks of version 1, which have no checksum, are read but no longer written.
 */
import { crc32 } from 'node:zlib';
import { damagedBlock } from './log-damaged.js';

const VERSION = 2;
const VERSION_WITHOUT_CHECKSUM = 1;
const CHECKSUM_AT = 1;
const HEADER_AT = 5;
const HEADER_AT_WITHOUT_CHECKSUM = 1;
const HEADER_BYTES = 24;
const EVENT_HEADER = 27;
const JSON_FLAG = 1;
const BLOCK_BYTES_MIN = HEADER_AT_WITHOUT_CHECKSUM + HEADER_BYTES + EVENT_HEADER;

/** The revision of the event that closes a stream for ever; EventStoreDB's is the largest it has, and so is this one. */
export const TOMBSTONE_REVISION = 2 ** 48 - 1;

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

/** Bytes that events take in a block. */
export function sizeOf(events: readonly ProposedEvent[]): number {
  let size = 0;
  for (const { type, metadata, data } of events) size += EVENT_HEADER + type.length + metadata.length + data.length;
  return size;
}

export function encodeBlock(header: BlockHeader, events: readonly ProposedEvent[]): Buffer {
  const block = Buffer.allocUnsafe(HEADER_AT + HEADER_BYTES + header.streamName.length + sizeOf(events));
  block[0] = VERSION;
  block.writeUInt32BE(events.length, HEADER_AT);
  block.writeUIntBE(header.createdMs, HEADER_AT + 4, 6);
  block.writeUIntBE(header.streamNumber, HEADER_AT + 10, 6);
  block.writeUIntBE(header.firstRevision, HEADER_AT + 16, 6);
  block.writeUInt16BE(header.streamName.length, HEADER_AT + 22);
  block.set(header.streamName, HEADER_AT + HEADER_BYTES);
  let at = HEADER_AT + HEADER_BYTES + header.streamName.length;
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
  block.writeUInt32BE(crc32(block.subarray(HEADER_AT)), CHECKSUM_AT);
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
  streamNameAt = HEADER_AT + HEADER_BYTES;
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
  /** Where each event of the block begins; found out when somebody first steps back, since that costs a walk over all of them. */
  private eventsAt: Uint32Array | undefined;

  /** Throws LogDamaged where the block is not as it was written. */
  load(block: Buffer, firstPosition: number): void {
    const at = headerAt(block, firstPosition);
    this.block = block;
    this.count = block.readUInt32BE(at);
    this.createdMs = block.readUIntBE(at + 4, 6);
    this.streamNumber = block.readUIntBE(at + 10, 6);
    this.firstRevision = block.readUIntBE(at + 16, 6);
    this.streamNameLength = block.readUInt16BE(at + 22);
    this.streamNameAt = at + HEADER_BYTES;
    this.firstEventAt = this.streamNameAt + this.streamNameLength;
    this.firstPosition = firstPosition;
    this.index = 0;
    this.eventsAt = undefined;
    this.readEventAt(this.firstEventAt);
  }

  /** Moves within the block; stepping to the next event is the cheap case. */
  moveTo(index: number): void {
    if (index < this.index) {
      this.eventsAt ??= this.findEvents();
      this.index = index;
      this.readEventAt(this.eventsAt[index] as number);
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

  /** As it is stored; a name that is not UTF-8 has no text that leads back to it. */
  get streamNameBytes(): Buffer {
    return this.block.subarray(this.streamNameAt, this.streamNameAt + this.streamNameLength);
  }

  get type(): string {
    return this.block.toString('utf8', this.typeAt, this.typeAt + this.typeLength);
  }

  hasType(type: Buffer): boolean {
    return this.typeLength === type.length && type.compare(this.block, this.typeAt, this.typeAt + this.typeLength) === 0;
  }

  get data(): Buffer {
    return this.block.subarray(this.dataAt, this.dataAt + this.dataLength);
  }

  private findEvents(): Uint32Array {
    const { block, count } = this;
    const eventsAt = new Uint32Array(count);
    let at = this.firstEventAt;
    for (let index = 0; index < count; index++) {
      eventsAt[index] = at;
      at += EVENT_HEADER + block.readUInt16BE(at + 17) + block.readUInt32BE(at + 19) + block.readUInt32BE(at + 23);
    }
    return eventsAt;
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

function headerAt(block: Buffer, firstPosition: number): number {
  if (block.length < BLOCK_BYTES_MIN) throw damagedBlock(firstPosition, 'it is too short');
  if (block[0] === VERSION_WITHOUT_CHECKSUM) return HEADER_AT_WITHOUT_CHECKSUM;
  if (block[0] !== VERSION) throw damagedBlock(firstPosition, 'its format is unknown');
  if (block.readUInt32BE(CHECKSUM_AT) !== crc32(block.subarray(HEADER_AT))) {
    throw damagedBlock(firstPosition, 'its checksum is not that of its bytes');
  }
  return HEADER_AT;
}
