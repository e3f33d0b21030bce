/** `openai`, responses: `create`, `parse`, `stream`, and a loop that sends the output back as it came. */
import type OpenAI from 'openai';
import { zodTextFormat } from 'openai/helpers/zod';
import type { Json } from '../http.js';
import type { Client, Figures, Question, Told } from './client.js';
import { connect, openAiStatus } from './openai-chat.js';
import { STRUCTURED, WEATHER } from './scenes.js';

export const openAiResponses: Client = {
  name: 'openai responses',
  async converse(access, question) {
    const { responses } = connect(access);
    const answers = [await answer(responses, question, [{ role: 'user', content: question.prompt }])];
    const calls = answers[0]?.output.filter(({ type }: Json) => type === 'function_call') ?? [];
    if (calls.length > 0) {
      const results = calls.map(({ call_id }: Json) => ({ type: 'function_call_output', call_id, output: WEATHER.result }));
      const input = [{ role: 'user', content: question.prompt }, ...(answers[0]?.output ?? []), ...results];
      answers.push(await answer(responses, question, input));
    }
    return told(answers, calls);
  },
  async leave(access, { model, prompt }, after) {
    const stream = await connect(access).responses.create({ model, input: prompt, stream: true });
    let text = '';
    for await (const event of stream) {
      if (event.type === 'response.output_text.delta') text += event.delta;
      if (text === after) return stream.controller.abort();
    }
    throw new Error(`the stream ended: ${text}`);
  },
  statusOf: openAiStatus,
};

async function answer(responses: OpenAI['responses'], question: Question, input: Json): Promise<Json> {
  const { name, description, schema } = WEATHER;
  const format = zodTextFormat(STRUCTURED.zod, STRUCTURED.name);
  const body = {
    model: question.model,
    input,
    store: false,
    ...(question.structured && { text: { format } }),
    ...(question.tools && { tools: [{ type: 'function' as const, name, description, parameters: schema, strict: true }] }),
    ...(question.reasoning && {
      reasoning: { effort: 'medium' as const, summary: 'auto' as const },
      include: ['reasoning.encrypted_content' as const],
    }),
  };
  if (question.stream) return responses.stream(body).finalResponse();
  return question.structured ? responses.parse(body) : responses.create(body);
}

function told(answers: readonly Json[], calls: readonly Json[]): Told {
  const reasoned = answers.flatMap(({ output }) => output).filter(({ type }: Json) => type === 'reasoning');
  const last = answers.at(-1);
  return {
    text: last.output_text,
    reasoning: reasoned.flatMap(({ summary }: Json) => summary.map(({ text }: Json) => text)).join(''),
    toolInputs: calls.map((call) => JSON.parse(call.arguments)),
    object: last.output_parsed,
    usage: answers.map(({ usage }) => figuresOf(usage)),
  };
}

const figuresOf = ({ input_tokens, output_tokens, output_tokens_details, cost }: Json): Figures => ({
  input: input_tokens,
  output: output_tokens,
  reasoning: output_tokens_details.reasoning_tokens,
  cost,
});
