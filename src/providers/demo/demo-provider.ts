import { randomUUID } from 'node:crypto';
import {
  type ChatCall,
  type ChatObject,
  type ChatSink,
  type ChatStream,
  type CompletedChat,
  callerLeft,
  type Provider,
  type ReportedUsage,
} from '../provider.js';
import { type DemoAnswer, demoAnswer } from './demo-answer.js';

const PACE_MS = 4;
/** It minds no parameter. */
const EVERYTHING = { has: () => true } as unknown as ReadonlySet<string>;

/** Answers for every model, without a key and without a network: what a fresh installation talks to. */
export class DemoProvider implements Provider {
  readonly id = 'demo';
  readonly name = 'Demo';
  readonly stopsBillingOnAbort = true;
  readonly needsOutputLimit = false;
  readonly takes = EVERYTHING;

  async complete(call: ChatCall): Promise<CompletedChat> {
    if (call.signal?.aborted) throw left();
    const answer = demoAnswer(call);
    const id = newId();
    const message = { role: 'assistant', content: answer.words.join(''), refusal: null };
    const completion = {
      ...head(id, call, 'chat.completion'),
      choices: [{ index: 0, message, logprobs: null, finish_reason: answer.finishReason }],
      usage: wireUsage(answer),
    };
    return { completion, usage: reported(answer), upstreamId: id };
  }

  async stream(call: ChatCall, sink: ChatSink): Promise<ChatStream> {
    if (call.signal?.aborted) throw left();
    const stream = new DemoStream(call, demoAnswer(call), sink);
    call.signal?.addEventListener('abort', () => stream.abort(), { once: true });
    return stream;
  }
}

class DemoStream implements ChatStream {
  private readonly chunks: ChatObject[];
  private next = 0;
  private timer: NodeJS.Timeout | undefined;
  private over = false;

  constructor(
    call: ChatCall,
    private readonly answer: DemoAnswer,
    private readonly sink: ChatSink,
  ) {
    const about = head(newId(), call, 'chat.completion.chunk');
    const chunk = (delta: object, finishReason: string | null = null) => ({
      ...about,
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
    });
    this.chunks = [
      chunk({ role: 'assistant', content: '' }),
      ...answer.words.map((content) => chunk({ content })),
      chunk({}, answer.finishReason),
    ];
    this.resume();
  }

  pause(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  resume(): void {
    if (!this.over) this.timer ??= setTimeout(() => this.send(), PACE_MS);
  }

  abort(): void {
    this.over = true;
    this.pause();
  }

  private send() {
    this.timer = undefined;
    const chunk = this.chunks[this.next++];
    if (chunk === undefined) return this.finish();
    // Armed first, so that a sink that pauses or aborts stops it.
    this.resume();
    this.sink.chunk(chunk);
  }

  private finish(): void {
    this.sink.usage(reported(this.answer));
    if (this.over) return;
    this.over = true;
    this.sink.end(true);
  }
}

const left = () => callerLeft('demo');
const newId = () => `chatcmpl-demo-${randomUUID()}`;
const head = (id: string, { upstreamModel }: ChatCall, object: string): ChatObject => ({
  id,
  object,
  created: Math.floor(Date.now() / 1000),
  model: upstreamModel,
});

const wireUsage = ({ promptTokens, completionTokens }: DemoAnswer) => ({
  prompt_tokens: promptTokens,
  completion_tokens: completionTokens,
  total_tokens: promptTokens + completionTokens,
});

const reported = ({ promptTokens, completionTokens }: DemoAnswer): ReportedUsage => ({
  usage: { input_uncached: promptTokens, output_visible: completionTokens },
  anomalies: [],
});
