import { z } from 'zod';
import { type Conversation, checkedPart, detailWithText, unsealed } from '../canonical-chat/index.js';
import { invalid } from '../http/validation.js';
import type { ContentPart } from '../providers/index.js';
import type { InputItem } from './responses-request.js';

const OPENAI_FORMAT = 'openai-responses-v1';

/** Adds an item of the input to the conversation. Throws the 400 that names what cannot be said. */
export function addItem(item: InputItem, to: Conversation, path: string): void {
  switch (item.type ?? 'message') {
    case 'message':
      return void addMessage(item, to, path);
    case 'reasoning':
      return void addReasoning(item, to, path);
    case 'function_call': {
      const { call_id, name, arguments: said } = checkedPart(FUNCTION_CALL, item, path);
      return void to.called(call_id, name, said);
    }
    case 'function_call_output': {
      const { call_id, output } = checkedPart(FUNCTION_CALL_OUTPUT, item, path);
      const parts = typeof output === 'string' ? [text(output)] : output.map(partAt(`${path}.output`));
      return void to.result(call_id, parts);
    }
    case 'item_reference':
      throw invalid(path, 'refers to an item that is stored; nothing is stored here: send the item itself');
    default:
      throw invalid(`${path}.type`, `${JSON.stringify(item.type?.slice(0, 64))} is no item that can be sent here`);
  }
}

function addMessage(item: InputItem, to: Conversation, path: string): void {
  const { role, content } = checkedPart(MESSAGE, item, path);
  if (role !== 'assistant') {
    return void to.say(role, typeof content === 'string' ? [text(content)] : content.map(partAt(`${path}.content`)));
  }
  // Two messages of an assistant are two, but a call between tool calls and their results stays with them.
  if (to.hasSpoken) to.endTurn();
  if (typeof content === 'string') return void to.answered(text(content));
  content.forEach((part, index) => {
    if (part.type === 'refusal') to.refused(checkedPart(REFUSAL, part, `${path}.content[${index}]`).refusal);
    else to.answered(partOf(part, `${path}.content[${index}]`));
  });
}

/** Reasoning as it was told here goes back to where it came from; OpenAI's own stays OpenAI's. */
function addReasoning(item: InputItem, to: Conversation, path: string): void {
  const { id, summary, content, encrypted_content: encrypted } = checkedPart(REASONING, item, path);
  const said = joined(content) || joined(summary);
  const carried = encrypted == null ? undefined : unsealed(encrypted);
  if (carried) return void to.reasoned(detailWithText(carried, said));
  const format = encrypted == null ? {} : { format: OPENAI_FORMAT };
  const type = joined(content) === '' ? 'reasoning.summary' : 'reasoning.text';
  if (said !== '') to.reasoned(detailWithText({ type, ...format }, said));
  if (encrypted == null) return;
  to.reasoned({ type: 'reasoning.encrypted', data: encrypted, ...(id != null && { id }), ...format });
}

const partAt = (path: string) => (part: Part, index: number) => partOf(part, `${path}[${index}]`);

function partOf(part: Part, path: string): ContentPart {
  switch (part.type) {
    case 'input_text':
    case 'output_text':
    case 'text':
      return text(checkedPart(TEXT, part, path).text);
    case 'input_image': {
      const { image_url: url, detail } = checkedPart(IMAGE, part, path);
      if (url == null) throw invalid(`${path}.image_url`, NOT_STORED);
      return { type: 'image_url', image_url: { url, ...(detail != null && { detail }) } };
    }
    case 'input_file': {
      const { file_data, file_url, filename } = checkedPart(FILE, part, path);
      const data = file_data ?? file_url;
      if (data == null) throw invalid(`${path}.file_data`, NOT_STORED);
      return { type: 'file', file: { ...(filename != null && { filename }), file_data: data } };
    }
    case 'input_audio':
      return { type: 'input_audio', input_audio: checkedPart(AUDIO, part, path).input_audio };
    default:
      throw invalid(`${path}.type`, `${JSON.stringify(part.type.slice(0, 64))} is no content that can be sent here`);
  }
}

const NOT_STORED = 'is required: files that are stored cannot be reached from here';
const text = (said: string): ContentPart => ({ type: 'text', text: said });
const joined = (parts: readonly { readonly text: string }[] | null | undefined): string =>
  (parts ?? []).map((part) => part.text).join('\n\n');

const PART = z.looseObject({ type: z.string() });
type Part = z.output<typeof PART>;
const CONTENT = z.union([z.string(), z.array(PART)], { error: 'must be a string or an array of content parts' });
const TEXT = z.looseObject({ text: z.string() });
const REFUSAL = z.looseObject({ refusal: z.string() });
const IMAGE = z.looseObject({ image_url: z.string().nullish(), detail: z.string().nullish() });
const FILE = z.looseObject({
  file_data: z.string().nullish(),
  file_url: z.string().nullish(),
  filename: z.string().nullish(),
});
const AUDIO = z.looseObject({ input_audio: z.looseObject({ data: z.string(), format: z.string() }) });
const MESSAGE = z.looseObject({ role: z.enum(['user', 'assistant', 'system', 'developer']), content: CONTENT });
const FUNCTION_CALL = z.looseObject({ call_id: z.string().min(1), name: z.string().min(1), arguments: z.string() });
const FUNCTION_CALL_OUTPUT = z.looseObject({ call_id: z.string().min(1), output: CONTENT });
const REASONING = z.looseObject({
  id: z.string().nullish(),
  summary: z.array(TEXT).nullish(),
  content: z.array(TEXT).nullish(),
  encrypted_content: z.string().nullish(),
});
