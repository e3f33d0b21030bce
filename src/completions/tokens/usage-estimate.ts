import { Worker } from 'node:worker_threads';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { quoteOf, type Usage, type UsageClass } from '../../pricing/index.js';
import type { ReportedUsage } from '../../providers/index.js';
import type { ChatRequest } from '../chat-request.js';
import type { Outcome } from '../ends/settlements.js';
import type { Generation } from '../generation.js';

/** Longer texts are counted by the rate of this much of them. */
const COUNTED_CHARACTERS_MAX = 50_000;
const TIMEOUT_MS = 5_000;
/** OpenAI's published overhead of its chat template: 3 tokens for each message and 3 for the answer's start. */
const TEMPLATE_TOKENS = 3;
/** Where nothing can be counted: English text has about four bytes per token, and few texts have more tokens. */
const BYTES_PER_TOKEN = 4;

/** A text to count: as much of it as is looked at, and how long it is. */
interface Countable {
  readonly sample: string;
  readonly length: number;
}

/**
 * Usage where the provider reported none: because a client left and the call was ended, or the stream broke off. Counted by a
 * tokenizer (o200k) in a worker, never on the event loop, and never more than what was reserved could pay.
 */
@Injectable()
export class UsageEstimate implements OnApplicationShutdown {
  private readonly logger = new Logger('usage-estimate');
  private worker: Worker | undefined;
  private readonly waiting = new Map<number, (tokens: number[] | undefined) => void>();
  private nextId = 1;

  /**
   * The provider's figures where it reported them; what it left out of them, or all of it, estimated.
   * @param generated the text that the provider has delivered: put together only where it has to be counted
   */
  async complete(
    generation: Generation,
    reported: ReportedUsage | undefined,
    generated: () => string,
  ): Promise<Pick<Outcome, 'usage' | 'source' | 'anomalies'>> {
    const known = reported?.usage ?? {};
    const anomalies = reported?.anomalies ?? [];
    if (says(known, 'input_') && says(known, 'output_')) return { usage: known, source: 'provider', anomalies };
    const { input_uncached, output_visible } = await this.of(generation, generated());
    const missing = {
      ...(says(known, 'input_') ? {} : { input_uncached }),
      ...(says(known, 'output_') ? {} : { output_visible }),
    };
    // What was thought is told in summary, if at all: what can be counted of it is less than what it was.
    const unseen = generation.call.reasoning?.enabled && !says(known, 'output_') ? ['reasoning_not_counted'] : [];
    return { usage: { ...known, ...missing }, source: 'estimated', anomalies: [...anomalies, ...unseen] };
  }

  private async of(
    { id, at, request, model, bounds, hold }: Generation,
    generated: string,
  ): Promise<Required<Pick<Usage, 'input_uncached' | 'output_visible'>>> {
    const [promptTokens = 0, completionTokens = 0] = await this.count([promptText(request), countable([generated])]);
    const usage = {
      input_uncached: Math.min(promptTokens + TEMPLATE_TOKENS * (request.messages.length + 1), bounds.promptTokensMax),
      output_visible: Math.min(completionTokens, bounds.completionTokensMax),
    };
    if (quoteOf({ promptTokensMax: usage.input_uncached, completionTokensMax: usage.output_visible }, model.prices, at) > hold) {
      this.logger.error({ msg: 'an estimate exceeds its reservation', generationId: id });
    }
    return usage;
  }

  /** Tokens of a text, by OpenAI's tokenizer; where it cannot be counted its bytes, of which there are never fewer. */
  async tokensAtMost(text: string): Promise<number> {
    if (text === '') return 0;
    const counted = text.length <= COUNTED_CHARACTERS_MAX ? await this.ask([text]) : undefined;
    return counted?.[0] ?? Buffer.byteLength(text);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.worker?.terminate();
  }

  private async count(texts: readonly Countable[]): Promise<number[]> {
    const counted = await this.ask(texts.map(({ sample }) => sample));
    return texts.map(({ sample, length }, index) => {
      if (length === 0) return 0;
      return Math.ceil((counted?.[index] ?? Buffer.byteLength(sample) / BYTES_PER_TOKEN) * (length / sample.length));
    });
  }

  private ask(texts: readonly string[]): Promise<number[] | undefined> {
    const id = this.nextId++;
    const worker = this.start();
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        // The text is slow to count; whoever else waits gets the rough figure too.
        void worker.terminate();
      }, TIMEOUT_MS);
      this.waiting.set(id, (tokens) => {
        clearTimeout(timer);
        this.waiting.delete(id);
        resolve(tokens);
      });
      worker.postMessage({ id, texts });
    });
  }

  private start(): Worker {
    if (this.worker) return this.worker;
    const worker = new Worker(new URL('./usage-estimate.worker.js', import.meta.url));
    worker.on('message', ({ id, tokens }: { id: number; tokens: number[] }) => this.waiting.get(id)?.(tokens));
    worker.on('error', (error) => this.logger.error({ msg: 'the tokenizer failed', error: error.message }));
    worker.on('exit', () => {
      this.worker = undefined;
      for (const give of [...this.waiting.values()]) give(undefined);
    });
    worker.unref();
    this.worker = worker;
    return worker;
  }
}

/** Whether the figures have a side at all: an explicit zero is a figure, nothing is none. */
const says = (usage: Usage, side: 'input_' | 'output_'): boolean =>
  (Object.keys(usage) as UsageClass[]).some((name) => name.startsWith(side) || (side === 'input_' && name.startsWith('cache_')));

function promptText({ messages, tools }: ChatRequest): Countable {
  const parts = messages.flatMap(({ content }, index) => {
    const texts =
      typeof content === 'string' ? [content] : (content ?? []).map(({ text }) => (typeof text === 'string' ? text : ''));
    return index === 0 ? texts : ['\n', ...texts];
  });
  return countable(tools == null ? parts : [...parts, JSON.stringify(tools)]);
}

/** Joins no more than is looked at: a prompt may be of many megabytes. */
function countable(parts: readonly string[]): Countable {
  let sample = '';
  let length = 0;
  for (const part of parts) {
    length += part.length;
    const room = COUNTED_CHARACTERS_MAX - sample.length;
    if (room > 0) sample += part.slice(0, room);
  }
  return { sample, length };
}
