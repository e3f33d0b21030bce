/** `@openrouter/sdk`: `chat.send`, as strict as it is about what it reads. */
import { OpenRouter } from '@openrouter/sdk';
import * as errors from '@openrouter/sdk/models/errors';
import { arrayOf, type Json } from '../http.js';
import type { Access, Client, Figures, Question } from './client.js';
import { STRUCTURED, WEATHER } from './scenes.js';

const CLASSES: readonly [number, new (...parts: never[]) => Error][] = [
  [400, errors.BadRequestResponseError],
  [401, errors.UnauthorizedResponseError],
  [402, errors.PaymentRequiredResponseError],
];

export const openRouterSdk: Client = {
  name: '@openrouter/sdk',
  async converse(access, question) {
    const asked = { role: 'user', content: question.prompt };
    const first = await answer(access, question, [asked]);
    const calls: Json[] = first.message.toolCalls ?? [];
    const answers = [first];
    if (calls.length > 0) {
      const results = calls.map(({ id }) => ({ role: 'tool', toolCallId: id, content: WEATHER.result }));
      answers.push(await answer(access, question, [asked, first.message, ...results]));
    }
    const text = answers.at(-1)?.message.content ?? '';
    return {
      text,
      reasoning: first.message.reasoning ?? '',
      toolInputs: calls.map((call) => JSON.parse(call.function.arguments)),
      object: question.structured ? JSON.parse(text) : undefined,
      usage: answers.map(({ usage }) => figuresOf(usage)),
    };
  },
  async leave(access, question, after) {
    const cancel = new AbortController();
    const messages = [{ role: 'user', content: question.prompt }];
    const stream = await send(access, { ...requestOf(question), messages, stream: true }, cancel.signal);
    const read = async () => {
      let text = '';
      for await (const { choices } of stream) {
        text += choices[0]?.delta.content ?? '';
        if (text === after) cancel.abort();
      }
      throw new Error(`the stream ended: ${text}`);
    };
    // It tells whoever reads on that the stream was cancelled.
    await read().catch((error: Error) => {
      if (error.name !== 'AbortError') throw error;
    });
  },
  statusOf: (error) => CLASSES.find(([status, type]) => error instanceof type && (error as Json).statusCode === status)?.[0],
};

const send = ({ url, apiKey }: Access, chatRequest: Json, signal?: AbortSignal): Promise<Json> =>
  new OpenRouter({ apiKey, serverURL: `${url}/api/v1`, retryConfig: { strategy: 'none' } }).chat.send(
    { chatRequest },
    signal && { signal },
  ) as Promise<Json>;

function requestOf({ model, tools, structured, reasoning }: Question): Json {
  const { name, description, schema } = WEATHER;
  const jsonSchema = { name: STRUCTURED.name, schema: STRUCTURED.schema, strict: true };
  return {
    model,
    ...(tools && { tools: [{ type: 'function', function: { name, description, parameters: schema } }] }),
    ...(structured && { responseFormat: { type: 'json_schema', jsonSchema } }),
    ...(reasoning && { reasoning: { effort: 'medium' } }),
  };
}

async function answer(access: Access, question: Question, messages: Json[]): Promise<{ message: Json; usage: Json }> {
  const request = { ...requestOf(question), messages };
  if (!question.stream) {
    const { choices, usage } = await send(access, request);
    return { message: choices[0].message, usage };
  }
  const chunks = await arrayOf<Json>(await send(access, { ...request, stream: true }));
  const deltas = chunks.flatMap(({ choices }) => choices.map(({ delta }: Json) => delta));
  const said = (name: string) => deltas.map((delta: Json) => delta[name] ?? '').join('');
  return {
    message: { role: 'assistant', content: said('content'), reasoning: said('reasoning'), ...calledIn(deltas) },
    usage: chunks.at(-1).usage,
  };
}

/** The calls of a stream: the client gives deltas, and leaves it to the caller to put them together. */
function calledIn(deltas: readonly Json[]): { toolCalls?: Json[] } {
  const calls: Json[] = [];
  for (const { index, id, function: part } of deltas.flatMap(({ toolCalls }) => toolCalls ?? [])) {
    calls[index] ??= { id, type: 'function', function: { name: part.name, arguments: '' } };
    calls[index].function.arguments += part.arguments ?? '';
  }
  return calls.length > 0 ? { toolCalls: calls } : {};
}

const figuresOf = ({ promptTokens, completionTokens, completionTokensDetails, cost }: Json): Figures => ({
  input: promptTokens,
  output: completionTokens,
  reasoning: completionTokensDetails.reasoningTokens,
  cost,
});
