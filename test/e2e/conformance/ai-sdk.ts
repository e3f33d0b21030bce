/** `ai` with `@openrouter/ai-sdk-provider`: `generateText` and `streamText`, whose steps are the tool loop. */
import { createOpenRouter } from '@openrouter/ai-sdk-provider';
import { APICallError, generateText, jsonSchema, Output, stepCountIs, streamText, tool } from 'ai';
import type { Json } from '../http.js';
import type { Access, Client, Figures, Question } from './client.js';
import { STRUCTURED, WEATHER } from './scenes.js';

export const aiSdk: Client = {
  name: 'ai + openrouter',
  async converse(access, question) {
    const toolInputs: Json[] = [];
    const options = optionsOf(access, question, toolInputs);
    const result = question.stream ? await drained(options) : await generateText(options);
    const steps = (await result.steps) as Json[];
    return {
      text: await result.text,
      reasoning: steps.map(({ reasoningText }) => reasoningText ?? '').join(''),
      toolInputs,
      ...(question.structured && { object: await result.output }),
      usage: steps.map(figuresOf),
    };
  },
  async leave(access, question, after) {
    const cancel = new AbortController();
    const { textStream } = streamText({ ...optionsOf(access, question, []), abortSignal: cancel.signal });
    let text = '';
    for await (const delta of textStream) {
      text += delta;
      if (text === after) return cancel.abort();
    }
    throw new Error(`the stream ended: ${text}`);
  },
  statusOf: (error) => (APICallError.isInstance(error) ? error.statusCode : undefined),
};

function optionsOf({ url, apiKey }: Access, { model, prompt, ...wishes }: Question, toolInputs: Json[]): Json {
  const openrouter = createOpenRouter({ apiKey, baseURL: `${url}/api/v1` });
  const weather = tool({
    description: WEATHER.description,
    inputSchema: jsonSchema(WEATHER.schema),
    execute: (input: Json) => {
      toolInputs.push(input);
      return WEATHER.result;
    },
  });
  const settings = { usage: { include: true }, ...(wishes.reasoning && { reasoning: { effort: 'medium' as const } }) };
  return {
    model: openrouter.chat(model, settings),
    prompt,
    maxRetries: 0,
    stopWhen: stepCountIs(3),
    ...(wishes.tools && { tools: { [WEATHER.name]: weather } }),
    ...(wishes.structured && { output: Output.object({ schema: jsonSchema(STRUCTURED.schema) }) }),
  };
}

/** Read to the end; throws what the stream tells as an error, which its own promises would tell in other words. */
async function drained(options: Json): Promise<Json> {
  const result = streamText({ ...options, onError: () => undefined });
  for await (const part of result.fullStream) if (part.type === 'error') throw part.error;
  return result;
}

const figuresOf = ({ usage, providerMetadata }: Json): Figures => ({
  input: usage.inputTokens,
  output: usage.outputTokens,
  reasoning: usage.outputTokenDetails.reasoningTokens,
  cost: providerMetadata.openrouter.usage.cost,
});
