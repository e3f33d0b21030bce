/** `@langchain/openai`: `ChatOpenAI` over chat completions and over responses. */
import { AIMessage, type AIMessageChunk, HumanMessage, ToolMessage } from '@langchain/core/messages';
import { concat } from '@langchain/core/utils/stream';
import { ChatOpenAI } from '@langchain/openai';
import type { Json } from '../http.js';
import type { Access, Client, Figures, Question } from './client.js';
import { openAiStatus } from './openai-chat.js';
import { STRUCTURED, WEATHER } from './scenes.js';

const model = ({ url, apiKey }: Access, question: Question, useResponsesApi: boolean): ChatOpenAI =>
  new ChatOpenAI({
    model: question.model,
    apiKey,
    maxRetries: 0,
    useResponsesApi,
    configuration: { baseURL: `${url}/v1` },
    ...(useResponsesApi && { zdrEnabled: true }),
    // Its own option goes out only where a name without an author is one of OpenAI's reasoning models.
    ...(question.reasoning && { modelKwargs: { reasoning: { effort: 'medium', summary: 'auto' } } }),
  });

const langChain = (name: string, useResponsesApi: boolean, cannot: Client['cannot'] = {}): Client => ({
  name,
  cannot,
  async converse(access, question) {
    const chat = model(access, question, useResponsesApi);
    if (question.structured) return structured(chat, question);
    const { name: toolName, description, schema } = WEATHER;
    const weather = { type: 'function', function: { name: toolName, description, parameters: schema } };
    const runnable: Json = question.tools ? chat.bindTools([weather]) : chat;
    const asked = new HumanMessage(question.prompt);
    const first = await answer(runnable, [asked], question);
    const calls = first.tool_calls ?? [];
    const results = calls.map(({ id = '' }) => new ToolMessage({ tool_call_id: id, content: WEATHER.result }));
    const answers = calls.length > 0 ? [first, await answer(runnable, [asked, first, ...results], question)] : [first];
    return {
      text: answers.at(-1)?.text ?? '',
      reasoning: reasoningIn(first),
      toolInputs: calls.map(({ args }) => args),
      usage: answers.map(figuresOf),
    };
  },
  async leave(access, question, after) {
    const cancel = new AbortController();
    const stream = await model(access, question, useResponsesApi).stream(question.prompt, { signal: cancel.signal });
    let text = '';
    for await (const chunk of stream) {
      text += chunk.text;
      if (text === after) return cancel.abort();
    }
    throw new Error(`the stream ended: ${text}`);
  },
  statusOf: openAiStatus,
});

export const langChainChat = langChain('langchain chat', false, { reasoning: 'its chat completions drop what was reasoned' });
export const langChainResponses = langChain('langchain responses', true);

async function answer(runnable: Json, messages: readonly Json[], { stream }: Question): Promise<AIMessage> {
  if (!stream) return runnable.invoke(messages);
  let whole: AIMessageChunk | undefined;
  for await (const chunk of await runnable.stream(messages)) whole = whole === undefined ? chunk : concat(whole, chunk);
  return whole as unknown as AIMessage;
}

async function structured(chat: ChatOpenAI, question: Question) {
  const { name, schema } = STRUCTURED;
  const runnable: Json = chat.withStructuredOutput(schema, { name, method: 'jsonSchema', strict: true, includeRaw: true });
  const { raw, parsed } = await runnable.invoke(question.prompt);
  return { text: raw.text, object: parsed, usage: [figuresOf(raw)] };
}

const reasoningIn = ({ contentBlocks }: AIMessage): string =>
  contentBlocks.map((block: Json) => (block.type === 'reasoning' ? block.reasoning : '')).join('');

function figuresOf({ usage_metadata, response_metadata }: Json): Figures {
  const { input_tokens, output_tokens, output_token_details } = usage_metadata;
  const { usage } = response_metadata;
  return { input: input_tokens, output: output_tokens, reasoning: output_token_details?.reasoning ?? 0, cost: usage?.cost };
}
