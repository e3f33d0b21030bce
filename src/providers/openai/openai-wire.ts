import { parsedObject } from '../http/answer-at-once.js';
import type { ChatObject, CompletedChat } from '../provider.js';
import type { EventReader, StreamOutlet, WireFormat } from '../wire-format.js';
import { type OpenAiDialect, toCanonical } from './dialect.js';
import { openAiEmbeddings } from './embeddings.js';
import { requestBody, WORDS } from './request.js';
import { TextChunks } from './text-chunk.js';
import { reportedUsage } from './usage.js';

const DONE = Buffer.from('[DONE]');

/** OpenAI's chat completions and embeddings, as OpenAI, DeepSeek and compatible servers speak them. */
export const openAiWire = (dialect: OpenAiDialect): WireFormat => ({
  takes: WORDS[dialect],
  stopsBillingOnAbort: true,
  needsOutputLimit: false,
  headers: (apiKey) => ['authorization', `Bearer ${apiKey}`],
  path: () => '/chat/completions',
  body: (call, streamed) => ({
    ...requestBody(call, dialect),
    model: call.upstreamModel,
    stream: streamed,
    ...(streamed && { stream_options: { include_usage: true } }),
  }),
  completion,
  reader: (outlet) => new ChunkReader(outlet),
  ...(dialect !== 'deepseek' && { embeddings: openAiEmbeddings }),
});

function completion(answer: ChatObject): CompletedChat | undefined {
  if (!Array.isArray(answer['choices']) || answer['choices'].length === 0) return undefined;
  toCanonical(answer);
  return {
    completion: answer,
    usage: reportedUsage(answer['usage']),
    upstreamId: typeof answer['id'] === 'string' ? answer['id'] : undefined,
  };
}

class ChunkReader implements EventReader {
  private readonly texts = new TextChunks();

  constructor(private readonly outlet: StreamOutlet) {}

  event(data: Buffer) {
    const { outlet } = this;
    if (data.length === DONE.length && data.equals(DONE)) return outlet.finish();
    const text = this.texts.recognise(data);
    if (text !== undefined) return outlet.text(text.index, text.content);
    const chunk = parsedObject(data);
    if (chunk === undefined) return outlet.brokenBy('sent an event that is no chat completion chunk');
    const reported = reportedUsage(chunk['usage']);
    if (reported !== undefined) outlet.usage(reported);
    if (chunk['error']) return outlet.failed(chunk);
    if (reported !== undefined && !(Array.isArray(chunk['choices']) && chunk['choices'].length > 0)) return;
    this.texts.learn(data);
    toCanonical(chunk);
    outlet.chunk(chunk);
  }

  bodyEnded(): boolean {
    return false;
  }
}
