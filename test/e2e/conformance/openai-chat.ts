/** `openai`, chat completions: `create`, `parse`, `runTools` and their streams. */
import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { arrayOf, type Json } from '../http.js';
import type { Access, Client, Figures, Question, Told } from './client.js';
import { STRUCTURED, WEATHER } from './scenes.js';

export const connect = ({ url, apiKey }: Access, base = '/v1'): OpenAI =>
  new OpenAI({ baseURL: url + base, apiKey, maxRetries: 0 });

export const openAiChat: Client = {
  name: 'openai chat',
  converse(access, question) {
    const { chat } = connect(access);
    if (question.structured) return structured(chat, question);
    if (question.tools && question.reasoning) return reasonedLoop(chat, question);
    if (question.tools) return toolLoop(chat, question);
    return question.stream ? streamed(chat, question) : plain(chat, question);
  },
  async leave(access, question, after) {
    const stream = await connect(access).chat.completions.create({ ...bodyOf(question), stream: true });
    let text = '';
    for await (const { choices } of stream) {
      text += choices[0]?.delta.content ?? '';
      if (text === after) return stream.controller.abort();
    }
    throw new Error(`the stream ended: ${text}`);
  },
  statusOf: openAiStatus,
};

/** OpenAI's client has no class of its own for 402. */
export function openAiStatus(error: Json): number | undefined {
  if (error instanceof OpenAI.AuthenticationError || error instanceof OpenAI.BadRequestError) return error.status;
  return error instanceof OpenAI.APIError && error.status === 402 ? 402 : undefined;
}

const bodyOf = ({ model, prompt, reasoning }: Question) => ({
  model,
  messages: [{ role: 'user', content: prompt }] as OpenAI.ChatCompletionMessageParam[],
  ...(reasoning && { reasoning_effort: 'medium' as const }),
});

async function plain(chat: OpenAI['chat'], question: Question): Promise<Told> {
  const { choices, usage } = await chat.completions.create(bodyOf(question));
  const message: Json = choices[0]?.message;
  return { text: message.content, reasoning: message.reasoning ?? '', usage: [figuresOf(usage)] };
}

async function streamed(chat: OpenAI['chat'], question: Question): Promise<Told> {
  const options = { stream: true as const, stream_options: { include_usage: true } };
  const chunks = await arrayOf<Json>(await chat.completions.create({ ...bodyOf(question), ...options }));
  const said = (name: string) => chunks.map(({ choices }) => choices[0]?.delta[name] ?? '').join('');
  return { text: said('content'), reasoning: said('reasoning'), usage: [figuresOf(chunks.at(-1).usage)] };
}

async function structured(chat: OpenAI['chat'], question: Question): Promise<Told> {
  const body = { ...bodyOf(question), response_format: zodResponseFormat(STRUCTURED.zod, STRUCTURED.name) };
  const completion = question.stream
    ? await chat.completions.stream({ ...body, stream_options: { include_usage: true } }).finalChatCompletion()
    : await chat.completions.parse(body);
  const message: Json = completion.choices[0]?.message;
  return { text: message.content, object: message.parsed, usage: [figuresOf(completion.usage)] };
}

async function toolLoop(chat: OpenAI['chat'], question: Question): Promise<Told> {
  const toolInputs: Json[] = [];
  const run = (input: Json) => {
    toolInputs.push(input);
    return WEATHER.result;
  };
  const { name, description, schema } = WEATHER;
  const weather = { name, description, parameters: schema, parse: JSON.parse as (text: string) => Json, function: run };
  const body = { ...bodyOf(question), tools: [{ type: 'function' as const, function: weather }] };
  const runner = question.stream
    ? chat.completions.runTools({ ...body, stream: true, stream_options: { include_usage: true } })
    : chat.completions.runTools(body);
  const text = (await runner.finalContent()) ?? '';
  return { text, toolInputs, usage: runner.allChatCompletions().map(({ usage }) => figuresOf(usage)) };
}

/** The message goes back as it came, with members that the client's types do not know. */
async function reasonedLoop(chat: OpenAI['chat'], question: Question): Promise<Told> {
  const { name, description, schema } = WEATHER;
  const tools = [{ type: 'function' as const, function: { name, description, parameters: schema } }];
  const body = bodyOf(question);
  const first = await chat.completions.create({ ...body, tools });
  const message: Json = first.choices[0]?.message;
  const results = message.tool_calls.map(({ id }: Json) => ({ role: 'tool', tool_call_id: id, content: WEATHER.result }));
  const second = await chat.completions.create({ ...body, tools, messages: [...body.messages, message, ...results] });
  return {
    text: second.choices[0]?.message.content ?? '',
    reasoning: message.reasoning ?? '',
    toolInputs: message.tool_calls.map((call: Json) => JSON.parse(call.function.arguments)),
    usage: [first, second].map(({ usage }) => figuresOf(usage)),
  };
}

export const figuresOf = ({ prompt_tokens, completion_tokens, completion_tokens_details, cost }: Json): Figures => ({
  input: prompt_tokens,
  output: completion_tokens,
  reasoning: completion_tokens_details.reasoning_tokens,
  cost,
});
