import { randomUUID } from 'node:crypto';
import type { ChatObject, CompletedChat } from '../provider.js';
import { Candidate } from './candidate.js';
import { reportedUsage } from './usage.js';
import { isObject, type Json, objectsIn, textIn } from './values.js';

/**
 * The candidates of one answer, which is a `GenerateContentResponse` or a stream of them. A prompt that was blocked has no
 * candidate at all, with a 200: it gets a choice that says so.
 */
export class Answer {
  private readonly known = new Map<number, Candidate>();
  private readonly ids = new Set<string>();
  /** Unlike another answer's, for the ids of tool calls: a conversation holds those of many. */
  private name: string | undefined;

  get candidates(): readonly Candidate[] {
    return [...this.known.values()];
  }

  /** Whether anything but thoughts has come. */
  get delivered(): boolean {
    return this.candidates.some(({ delivered }) => delivered);
  }

  /** The candidates in an event, and what they add; undefined where it is no event of an answer. */
  read(event: ChatObject): readonly Addition[] | undefined {
    const { candidates, promptFeedback, usageMetadata, responseId } = event;
    this.name ??= textIn(responseId)?.replace(/[^\w-]/g, '');
    const blocked = isObject(promptFeedback) ? textIn(promptFeedback['blockReason']) : undefined;
    const found = objectsIn(candidates);
    if (found.length === 0 && blocked !== undefined) return [this.blockedBy(blocked)];
    if (!Array.isArray(candidates) && !isObject(promptFeedback) && !isObject(usageMetadata)) return undefined;
    return found.map((each) => this.add(each));
  }

  private add(candidate: Json): Addition {
    const index = Number.isSafeInteger(candidate['index']) ? (candidate['index'] as number) : 0;
    const isNew = !this.known.has(index);
    const reader = this.at(index);
    return { candidate: reader, isNew, ...reader.read(candidate) };
  }

  private blockedBy(reason: string): Addition {
    const isNew = !this.known.has(0);
    const candidate = this.at(0);
    candidate.blockedBy(reason);
    return { candidate, isNew, delta: {}, logprobs: undefined };
  }

  private at(index: number): Candidate {
    const candidate = this.known.get(index) ?? new Candidate(index, (given) => this.idOf(given));
    this.known.set(index, candidate);
    return candidate;
  }

  private idOf(given: string | undefined): string {
    this.name ??= randomUUID();
    const id = given !== undefined && !this.ids.has(given) ? given : `call_${this.name}_${this.ids.size}`;
    this.ids.add(id);
    return id;
  }
}

type Addition = { readonly candidate: Candidate; readonly isNew: boolean } & ReturnType<Candidate['read']>;

/** An answer at once in the canonical form; undefined where it is none. */
export function completion(event: ChatObject): CompletedChat | undefined {
  const answer = new Answer();
  const choices = answer.read(event)?.map(choiceOf) ?? [];
  if (choices.length === 0) return undefined;
  return {
    completion: { ...head(event), object: 'chat.completion', choices },
    usage: reportedUsage(event['usageMetadata'], answer.delivered),
    upstreamId: textIn(event['responseId']),
  };
}

function choiceOf({ candidate, delta, logprobs }: Addition): ChatObject {
  const { content, reasoning, tool_calls, ...rest } = delta;
  const message = {
    role: 'assistant',
    content: content ?? (tool_calls === undefined ? '' : null),
    refusal: null,
    reasoning: reasoning ?? null,
    ...rest,
    ...(tool_calls && { tool_calls: tool_calls.map(({ index: _, ...call }) => call) }),
  };
  const finish = candidate.finish ?? { finish_reason: null, native_finish_reason: null };
  return { index: candidate.index, message, logprobs: logprobs ?? null, ...finish };
}

/** What an answer says of itself, where it does. */
export function head({ responseId, modelVersion }: ChatObject): ChatObject {
  return {
    ...(typeof responseId === 'string' && { id: responseId }),
    ...(typeof modelVersion === 'string' && { model: modelVersion }),
  };
}
