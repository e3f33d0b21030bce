import { z } from 'zod';
import { ANTHROPIC_FORMAT, type Conversation, checkedPart, detailWithText, unsealed } from '../canonical-chat/index.js';
import { invalid } from '../http/validation.js';
import type { ContentPart } from '../providers/index.js';
import type { InputBlock, MessagesRequest } from './messages-request.js';

type Message = MessagesRequest['messages'][number];

/** Adds a message to the conversation. Throws the 400 that names a block that cannot be said. */
export function addMessage({ role, content }: Message, to: Conversation, path: string): void {
  const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
  const at = (index: number) => (typeof content === 'string' ? path : `${path}.content[${index}]`);
  if (role === 'assistant') {
    for (const [index, block] of blocks.entries()) addAnswered(block, to, at(index));
    // An answer that says nothing is still a turn of the conversation.
    if (blocks.length === 0) to.answered({ type: 'text', text: '' });
    return void to.endTurn();
  }
  const parts = blocks.flatMap((block, index) => {
    if (role === 'user' && block.type === 'tool_result') return addResult(block, to, at(index));
    return partsOf(block, at(index));
  });
  if (parts.length > 0 || blocks.length === 0) to.say(role, parts);
}

function addAnswered(block: InputBlock, to: Conversation, path: string): void {
  switch (block.type) {
    case 'text':
      return void to.answered(textPart(block, path));
    case 'thinking': {
      const { thinking, signature } = checkedPart(THINKING, block, path);
      return void to.reasoned(thinkingDetail(thinking, signature ?? ''));
    }
    case 'redacted_thinking': {
      const { data } = checkedPart(REDACTED, block, path);
      return void to.reasoned({ ...(unsealed(data) ?? { type: 'reasoning.encrypted', data, format: ANTHROPIC_FORMAT }) });
    }
    case 'tool_use': {
      const { id, name, input } = checkedPart(TOOL_USE, block, path);
      return void to.called(id, name, JSON.stringify(input));
    }
    default:
      throw notHere(block, path);
  }
}

/** Thinking without a signature is of a model that has none: Anthropic, which would refuse it, must not get it as its own. */
function thinkingDetail(text: string, signature: string) {
  const carried = unsealed(signature);
  if (carried) return detailWithText(carried, text);
  const detail = { type: 'reasoning.text' };
  return detailWithText(signature === '' ? detail : { ...detail, signature, format: ANTHROPIC_FORMAT }, text);
}

function addResult(block: InputBlock, to: Conversation, path: string): never[] {
  const { tool_use_id, content, is_error, cache_control } = checkedPart(TOOL_RESULT, block, path);
  const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : (content ?? []);
  const parts = blocks.flatMap((inner, index) => partsOf(inner, `${path}.content[${index}]`));
  if (is_error === true) tellError(parts);
  const last = parts.at(-1);
  if (last && cache_control != null) parts[parts.length - 1] = { ...last, cache_control };
  to.result(tool_use_id, parts);
  return [];
}

/** A canonical tool message has no word for a failure but its text. */
function tellError(parts: ContentPart[]): void {
  const says = parts.some(({ text }) => typeof text === 'string' && /error/i.test(text));
  if (!says) parts.unshift({ type: 'text', text: 'Error:' });
}

/** A block of a user or of a tool result as content parts. */
function partsOf(block: InputBlock, path: string): ContentPart[] {
  switch (block.type) {
    case 'text':
      return [textPart(block, path)];
    case 'image': {
      const { source } = checkedPart(IMAGE, block, path);
      const url = source.type === 'url' ? source.url : `data:${source.media_type};base64,${source.data}`;
      return [{ type: 'image_url', image_url: { url }, ...cached(block) }];
    }
    case 'document':
      return documentParts(block, path);
    default:
      throw notHere(block, path);
  }
}

function documentParts(block: InputBlock, path: string): ContentPart[] {
  const { source, title, context } = checkedPart(DOCUMENT, block, path);
  const file = (data: string) => [
    { type: 'file', file: { filename: title ?? 'document.pdf', file_data: data }, ...cached(block) },
  ];
  const about = [title, context].filter((words) => typeof words === 'string' && words !== '').join('\n');
  const heading = about === '' ? [] : [{ type: 'text', text: about }];
  switch (source.type) {
    case 'base64':
      return file(`data:${source.media_type};base64,${source.data}`);
    case 'url':
      return file(source.url);
    case 'text':
      return [...heading, { type: 'text', text: source.data, ...cached(block) }];
    case 'content': {
      const { content } = source;
      const inner = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
      return [...heading, ...inner.flatMap((part, index) => partsOf(part, `${path}.source.content[${index}]`))];
    }
  }
}

const textPart = (block: InputBlock, path: string): ContentPart => ({
  type: 'text',
  text: checkedPart(TEXT, block, path).text,
  ...cached(block),
});

const cached = ({ cache_control }: InputBlock) => (cache_control == null ? {} : { cache_control });

const notHere = ({ type }: InputBlock, path: string) =>
  invalid(`${path}.type`, `${JSON.stringify(type.slice(0, 64))} is no block that can be sent here`);

const BLOCK = z.looseObject({ type: z.string() });
const TEXT = z.looseObject({ text: z.string() });
const THINKING = z.looseObject({ thinking: z.string(), signature: z.string().nullish() });
const REDACTED = z.looseObject({ data: z.string() });
const TOOL_USE = z.looseObject({ id: z.string().min(1), name: z.string().min(1), input: z.looseObject({}) });
const TOOL_RESULT = z.looseObject({
  tool_use_id: z.string().min(1),
  content: z.union([z.string(), z.array(BLOCK)], { error: 'must be a string or an array of blocks' }).nullish(),
  is_error: z.boolean().nullish(),
  cache_control: z.looseObject({ type: z.string() }).nullish(),
});
const BASE64 = z.looseObject({
  type: z.literal('base64'),
  media_type: z.string().regex(/^[\w.+-]+\/[\w.+-]+$/),
  data: z.string(),
});
const URL_SOURCE = z.looseObject({ type: z.literal('url'), url: z.string().min(1) });
const IMAGE = z.looseObject({ source: z.discriminatedUnion('type', [BASE64, URL_SOURCE]) });
const DOCUMENT = z.looseObject({
  title: z.string().nullish(),
  context: z.string().nullish(),
  source: z.discriminatedUnion('type', [
    BASE64,
    URL_SOURCE,
    z.looseObject({ type: z.literal('text'), data: z.string() }),
    z.looseObject({ type: z.literal('content'), content: z.union([z.string(), z.array(BLOCK)]) }),
  ]),
});
