import { describe, expect, test } from '@jest/globals';
import { parseDirectives } from '../../bench/upstream/behaviour.js';
import { type Asked, askedBy, partsOf, type Wire } from '../../bench/upstream/parts.js';
import { prose } from '../../bench/upstream/prose.js';
import { anthropicWire } from '../../src/providers/anthropic/anthropic-wire.js';
import { geminiWire } from '../../src/providers/gemini/gemini-wire.js';
import { EventStreamParser } from '../../src/providers/http/sse.js';
import { openAiWire } from '../../src/providers/openai/openai-wire.js';
import type { ChatCall, ChatObject } from '../../src/providers/provider.js';
import type { WireFormat } from '../../src/providers/wire-format.js';

const CHUNKS = 600;
const TEXT = prose(CHUNKS).join('');
const WIRES: Record<Wire, WireFormat> = { openai: openAiWire('openai'), anthropic: anthropicWire, gemini: geminiWire };

const call: ChatCall = {
  upstreamModel: 'some-model',
  request: { messages: [{ role: 'user', content: `[[prose=${CHUNKS}]]` }] },
  supportedParameters: [],
  outputTokensMax: 4_096,
  reasoning: undefined,
};

/** As the fake provider is asked: by the path and the body of the wire format itself. */
function asked(wire: WireFormat, streamed: boolean): { asked: Asked; parts: Buffer[] } {
  const body = JSON.stringify(wire.body(call, streamed));
  const how = askedBy(wire.path(call, streamed), body);
  return { asked: how, parts: partsOf(how, parseDirectives(body)) };
}

/** What our own reader makes of a stream. */
function read(wire: WireFormat, parts: readonly Buffer[]) {
  const told = { text: '', recognised: 0, usages: 0, complete: false, broken: [] as unknown[] };
  const reader = wire.reader(
    {
      isOpen: true,
      chunk: ({ choices }) => {
        for (const { delta } of choices as { delta: ChatObject }[]) told.text += (delta['content'] as string | undefined) ?? '';
      },
      text: (_index, content) => {
        told.recognised++;
        told.text += JSON.parse(content) as string;
      },
      usage: () => told.usages++,
      finish: () => {
        told.complete = true;
      },
      failed: (answer) => told.broken.push(answer),
      brokenBy: (what) => told.broken.push(what),
    },
    call,
  );
  const parser = new EventStreamParser(reader);
  for (const part of parts) parser.push(part);
  told.complete ||= reader.bodyEnded();
  return told;
}

describe.each(Object.entries(WIRES))('the benchmark’s provider as %s', (name, wire) => {
  test('streams the text in a piece for each chunk, reports its usage and ends', () => {
    const { asked: how, parts } = asked(wire, true);
    expect(how).toMatchObject({ wire: name, stream: true });
    const told = read(wire, parts);
    expect(told).toMatchObject({ text: TEXT, complete: true, broken: [] });
    expect(told.usages).toBeGreaterThanOrEqual(1);
    // Else it would measure a way that the real provider's chunks do not take.
    expect(told.recognised).toBeGreaterThanOrEqual(CHUNKS - 2);
    expect(parts.length - CHUNKS).toBeLessThanOrEqual(6);
  });

  test('answers at once with the same text', () => {
    const { asked: how, parts } = asked(wire, false);
    expect(how).toMatchObject({ wire: name, stream: false });
    const { completion, usage } = wire.completion(JSON.parse(Buffer.concat(parts).toString()) as ChatObject, call) ?? {};
    expect(completion?.['choices']).toMatchObject([{ message: { content: TEXT }, finish_reason: 'stop' }]);
    expect(usage?.anomalies).toEqual([]);
  });
});

test('letters are others each time they are asked for', () => {
  const [first, second] = [parseDirectives('[[letters=3]]'), parseDirectives('[[letters=3]]')];
  expect(first.text).toHaveLength(3);
  expect(first.text).not.toEqual(second.text);
});
