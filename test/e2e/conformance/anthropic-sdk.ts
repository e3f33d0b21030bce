/** `@anthropic-ai/sdk`: `messages`, their streams, `parse`, and the tool runner. */
import Anthropic from '@anthropic-ai/sdk';
import { jsonSchemaOutputFormat } from '@anthropic-ai/sdk/helpers/json-schema';
import type { Json } from '../http.js';
import type { Access, Client, Figures, Question, Told } from './client.js';
import { STRUCTURED, WEATHER } from './scenes.js';

const connect = ({ url, apiKey }: Access): Anthropic => new Anthropic({ baseURL: url, apiKey, maxRetries: 0 });
const CLASSES: readonly [number, new (...parts: never[]) => Error][] = [
  [400, Anthropic.BadRequestError],
  [401, Anthropic.AuthenticationError],
  [402, Anthropic.PaymentRequiredError],
];

export const anthropicSdk: Client = {
  name: '@anthropic-ai/sdk',
  async converse(access, question) {
    const client = connect(access);
    if (question.tools && !question.reasoning) return toolLoop(client, question);
    const body = bodyOf(question);
    const first = await answer(client, question, body);
    const calls = first.content.filter(({ type }: Json) => type === 'tool_use');
    const results = calls.map(({ id }: Json) => ({ type: 'tool_result', tool_use_id: id, content: WEATHER.result }));
    const messages = [...body.messages, { role: 'assistant', content: first.content }, { role: 'user', content: results }];
    return told(calls.length > 0 ? [first, await answer(client, question, { ...body, messages })] : [first]);
  },
  async leave(access, question, after) {
    const stream = connect(access).messages.stream(bodyOf(question));
    let text = '';
    for await (const event of stream) {
      if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') text += event.delta.text;
      if (text === after) return stream.abort();
    }
    throw new Error(`the stream ended: ${text}`);
  },
  statusOf: (error) => CLASSES.find(([status, type]) => error instanceof type && (error as Json).status === status)?.[0],
};

function bodyOf({ model, prompt, tools, structured, reasoning }: Question): Json {
  const { name, description, schema } = WEATHER;
  return {
    model,
    max_tokens: 8_000,
    messages: [{ role: 'user', content: prompt }],
    ...(tools && { tools: [{ name, description, input_schema: schema }] }),
    ...(structured && { output_config: { format: jsonSchemaOutputFormat(STRUCTURED.schema) } }),
    ...(reasoning && { thinking: { type: 'enabled', budget_tokens: 2_000 } }),
  };
}

async function answer({ messages }: Anthropic, { stream, structured }: Question, body: Json): Promise<Json> {
  if (stream) return messages.stream(body).finalMessage();
  return structured ? messages.parse(body) : messages.create(body);
}

/** The runner speaks the beta of the same endpoint, and asks for a thread that is kept there before it sends the whole conversation. */
async function toolLoop({ beta }: Anthropic, question: Question): Promise<Told> {
  const { name, description, schema } = WEATHER;
  const weather = {
    type: 'custom',
    name,
    description,
    input_schema: schema,
    parse: (input: Json) => input,
    run: () => WEATHER.result,
  };
  const body = { ...bodyOf(question), tools: [weather], stream: question.stream ?? false };
  const messages: Json[] = [];
  for await (const step of beta.messages.toolRunner(body as never) as AsyncIterable<Json>) {
    messages.push(question.stream ? await step.finalMessage() : step);
  }
  return told(messages);
}

function told(messages: readonly Json[]): Told {
  const blocks = messages.flatMap(({ content }) => content);
  const joined = (type: string) =>
    blocks
      .filter((block) => block.type === type)
      .map((block) => block[type])
      .join('');
  return {
    text: joined('text'),
    reasoning: joined('thinking'),
    toolInputs: blocks.filter(({ type }) => type === 'tool_use').map(({ input }) => input),
    object: messages.at(-1)?.parsed_output,
    usage: messages.map(({ usage }) => figuresOf(usage)),
  };
}

/** Anthropic's input leaves out what the cache read and wrote. */
const figuresOf = ({ input_tokens, output_tokens, cost, ...usage }: Json): Figures => ({
  input: input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens,
  output: output_tokens,
  reasoning: usage.output_tokens_details?.thinking_tokens ?? 0,
  cost,
});
