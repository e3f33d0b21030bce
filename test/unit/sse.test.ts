import { describe, expect, test } from '@jest/globals';
import { EventStreamParser, EventTooLarge } from '../../src/providers/http/sse.js';

interface Event {
  data: string;
  event: string;
}

/** Copies at once: a view is good only until the next push. */
function parse(...pieces: (string | Buffer)[]): Event[] {
  const events: Event[] = [];
  const parser = new EventStreamParser({ event: (data, event) => events.push({ data: data.toString(), event }) });
  for (const piece of pieces) parser.push(Buffer.from(piece));
  return events;
}
const data = (...pieces: (string | Buffer)[]) => parse(...pieces).map((event) => event.data);

describe('an event stream', () => {
  test.each([
    ['LF', 'data: a\n\ndata: b\n\n', ['a', 'b']],
    ['CRLF', 'data: a\r\n\r\ndata: b\r\n\r\n', ['a', 'b']],
    ['CR', 'data: a\r\rdata: b\r\r', ['a', 'b']],
    ['mixed line ends', 'data: a\r\n\ndata: b\n\r\rdata: c\r\n\r\n', ['a', 'b', 'c']],
    ['several data lines', 'data: a\ndata:\ndata: b\n\n', ['a\n\nb']],
    ['a field without a colon', 'data\n\ndata\ndata\n\n', ['', '\n']],
    ['one space dropped, no more', 'data:a\n\ndata:  b\n\n', ['a', ' b']],
    ['comments and unknown fields', ': ping\n\nid: 7\nretry: 10\nfoo\ndatabase: x\ndata: a\n:x\n\n', ['a']],
    ['a leading BOM', '\ufeffdata: a\n\n', ['a']],
    ['a BOM elsewhere', 'data: a\n\n\ufeffdata: b\n\n', ['a']],
    ['an event without data', 'event: ping\n\ndata: a\n\n', ['a']],
    ['an event cut off by the end', 'data: a\n\ndata: b\n', ['a']],
    ['text beyond ASCII', 'data: Zürich 🏔\n\n', ['Zürich 🏔']],
    ['nothing', '', []],
  ])('%s', (_, text, expected) => {
    expect(data(text)).toEqual(expected);
  });

  test('names an event by its own field only', () => {
    expect(parse('event: error\ndata: a\n\ndata: b\n\n')).toEqual([
      { data: 'a', event: 'error' },
      { data: 'b', event: '' },
    ]);
  });

  test('hands out a view of the chunk in the usual case', () => {
    const chunk = Buffer.from('data: {"a":1}\n\n');
    const seen: Buffer[] = [];
    new EventStreamParser({ event: (view) => seen.push(view) }).push(chunk);
    expect(seen[0]?.buffer).toBe(chunk.buffer);
    expect(seen[0]?.byteOffset).toBe(chunk.byteOffset + 6);
  });

  test('keeps no view of an earlier chunk', () => {
    const chunk = Buffer.from('data: a\n');
    const seen: string[] = [];
    const parser = new EventStreamParser({ event: (view) => seen.push(view.toString()) });
    parser.push(chunk);
    chunk.fill('x');
    parser.push(Buffer.from('\n'));
    expect(seen).toEqual(['a']);
  });

  test('reports nothing once closed, not even from the chunk at hand', () => {
    const seen: string[] = [];
    const parser: EventStreamParser = new EventStreamParser({
      event: (view) => {
        seen.push(view.toString());
        parser.close();
      },
    });
    parser.push(Buffer.from('data: a\n\ndata: b\n\n'));
    parser.push(Buffer.from('data: c\n\n'));
    expect(seen).toEqual(['a']);
  });

  test('takes an event of more than 1 MiB, a byte at a time', () => {
    const text = `data: ${'é'.repeat(600_000)}\n\n`;
    const bytes = Buffer.from(text);
    const seen: string[] = [];
    const parser = new EventStreamParser({ event: (view) => seen.push(view.toString()) });
    for (let index = 0; index < bytes.length; index++) parser.push(bytes.subarray(index, index + 1));
    expect(seen).toEqual([text.slice(6, -2)]);
  });

  test.each([
    ['a line without an end', () => ['data: ', 'x'.repeat(600), 'x'.repeat(600)]],
    ['a line in one piece', () => [`data: ${'x'.repeat(1200)}\n\n`]],
    ['many lines of one event', () => Array(40).fill(`data: ${'x'.repeat(30)}\n`)],
    ['a comment without an end', () => [`:${'x'.repeat(1200)}`]],
  ])('is refused beyond the bound: %s', (_, pieces) => {
    const parser = new EventStreamParser({ event: () => undefined }, 1024);
    expect(() => {
      for (const piece of pieces()) parser.push(Buffer.from(piece));
    }).toThrow(EventTooLarge);
  });
});
