import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { EventStreamParser } from '../../src/providers/http/sse.js';

function parse(pieces: Buffer[]): string[] {
  const events: string[] = [];
  const parser = new EventStreamParser({ event: (data, event) => events.push(JSON.stringify([event, data.toString()])) });
  for (const piece of pieces) {
    const passing = Buffer.from(piece);
    parser.push(passing);
    // Whoever owns the chunk may write over it; no event may depend on it afterwards.
    passing.fill(0x78);
  }
  return events;
}

/** The specification's own algorithm over a whole text: slow, and short enough to be believed. */
function reference(text: string): string[] {
  const lines = text.replace(/^\ufeff/, '').split(/\r\n|\r|\n/);
  lines.pop();
  const events: string[] = [];
  let data: string[] = [];
  let event = '';
  for (const line of lines) {
    if (line === '') {
      if (data.length > 0) events.push(JSON.stringify([event, data.join('\n')]));
      data = [];
      event = '';
      continue;
    }
    const [, name = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (name === 'data') data.push(value);
    if (name === 'event') event = value;
  }
  return events;
}

const piece = fc.constantFrom(
  ...['data', 'data:', 'data: ', 'event: ', 'event', ':', ': ', 'id: 1', 'x', '{"a":"ü"}', '🏔', '[DONE]', ' ', '\ufeff'],
  ...['\n', '\n', '\n\n', '\r', '\r\n', '\r\n\r\n', '\r\r'],
);
const stream = fc
  .tuple(fc.boolean(), fc.array(piece, { maxLength: 40 }))
  .map(([bom, parts]) => (bom ? '\ufeff' : '') + parts.join(''));

function cutAt(bytes: Buffer, offsets: number[]): Buffer[] {
  const edges = [0, ...offsets.map((offset) => offset % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge));
}

describe('an event stream, however its bytes are split', () => {
  test('gives the events of the specification', () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat(), { maxLength: 12 }), (text, offsets) => {
        expect(parse(cutAt(Buffer.from(text), offsets))).toEqual(reference(text));
      }),
      { numRuns: 3_000 },
    );
  });

  test.each([
    'data: {"content":"Zürich 🏔"}\n\ndata: [DONE]\n\n',
    '\ufeff: hi\r\n\r\nevent: error\r\ndata: {"a":"é"}\r\ndata: more\r\n\r\ndata: [DONE]\r\n\r\n',
    'data: a\r\rdata:b\r\n\rid: 3\rdata\r\r',
  ])('is the same at every pair of offsets: %j', (text) => {
    const bytes = Buffer.from(text);
    const expected = reference(text);
    expect(expected.length).toBeGreaterThan(1);
    for (let first = 0; first <= bytes.length; first++) {
      for (let second = first; second <= bytes.length; second++) expect(parse(cutAt(bytes, [first, second]))).toEqual(expected);
    }
    expect(parse([...bytes].map((byte) => Buffer.from([byte])))).toEqual(expected);
  });
});
