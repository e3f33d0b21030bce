import type { PricedModel, TokenBounds } from '../../pricing/index.js';
import type { ChatRequest } from '../chat-request.js';

/** Tokens that a provider's chat template may add around each message and around the whole. */
const TEMPLATE_TOKENS_PER_MESSAGE = 16;
const TEMPLATE_TOKENS = 64;
/** What a provider may say of its own to a model that is given tools or a form to answer in; Anthropic's is some 500 tokens. */
const TOOLS_TEMPLATE_TOKENS = 1_024;
/** For a model whose catalogue names no bound: more than any provider's largest image costs today. */
const IMAGE_TOKENS_MAX = 50_000;
const IMAGE_PARTS = new Set(['image_url', 'input_image', 'image']);
/** What is read elsewhere, or unfolds into more tokens than it has bytes: only the model's context bounds it. */
const UNFOLDING_PARTS = new Set(['file', 'video_url', 'input_video', 'document']);

/**
 * The most tokens that a call can use: the bound of what it can cost. A byte-level tokenizer never makes more tokens than there
 * are bytes, so the prompt's bound is its size in UTF-8 and needs no tokenizer; an image counts by the model's own maximum; and
 * nothing is longer than the model's context.
 */
export function tokenBounds(request: ChatRequest, model: PricedModel, outputTokensMax: number): TokenBounds {
  if (model.outputModalities.includes('embeddings')) return embeddingBounds(request, model);
  let tokens = TEMPLATE_TOKENS + request.messages.length * TEMPLATE_TOKENS_PER_MESSAGE;
  for (const { content, role: _role, ...rest } of request.messages) {
    if (typeof content === 'string') tokens += Buffer.byteLength(content);
    else if (Array.isArray(content)) for (const part of content) tokens += partTokens(part, model);
    for (const _ in rest) {
      tokens += jsonBytes(rest);
      break;
    }
  }
  for (const definitions of [request.tools, request['functions'], request['response_format'], request['prediction']]) {
    if (definitions != null) tokens += TOOLS_TEMPLATE_TOKENS + jsonBytes(definitions);
  }
  return {
    promptTokensMax: Math.min(tokens, model.contextLength),
    completionTokensMax: (request.n ?? 1) * outputTokensMax,
  };
}

/** Each text to embed has the whole context for itself. */
function embeddingBounds({ messages }: ChatRequest, { contextLength }: PricedModel): TokenBounds {
  const ofText = (text: unknown) => Math.min(TEMPLATE_TOKENS + Buffer.byteLength(String(text)), contextLength);
  return { promptTokensMax: messages.reduce((sum, { content }) => sum + ofText(content), 0), completionTokensMax: 1 };
}

function partTokens(part: { readonly type: string; readonly [name: string]: unknown }, model: PricedModel): number {
  if (part.type === 'text' && typeof part['text'] === 'string') return Buffer.byteLength(part['text']);
  if (IMAGE_PARTS.has(part.type)) return model.imageTokensMax ?? IMAGE_TOKENS_MAX;
  if (UNFOLDING_PARTS.has(part.type)) return model.contextLength;
  return jsonBytes(part);
}

const jsonBytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
