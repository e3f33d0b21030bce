import type { PricedModel, TokenBounds } from '../pricing/index.js';
import type { ChatRequest } from './chat-request.js';

/** Tokens that a provider's chat template may add around each message and around the whole. */
const TEMPLATE_TOKENS_PER_MESSAGE = 16;
const TEMPLATE_TOKENS = 64;
/** For a model whose catalogue names no bound: more than any provider's largest image costs today. */
const IMAGE_TOKENS_MAX = 50_000;
const IMAGE_PARTS = new Set(['image_url', 'input_image', 'image']);

/**
 * The most tokens that a call can use: the bound of what it can cost. A byte-level tokenizer never makes more tokens than there
 * are bytes, so the prompt's bound is its size in UTF-8 and needs no tokenizer; an image counts by the model's own maximum.
 */
export function tokenBounds(request: ChatRequest, model: PricedModel, outputTokensMax: number): TokenBounds {
  let bytes = TEMPLATE_TOKENS + request.messages.length * TEMPLATE_TOKENS_PER_MESSAGE;
  let images = 0;
  for (const { content, role: _role, ...rest } of request.messages) {
    if (typeof content === 'string') bytes += Buffer.byteLength(content);
    else if (Array.isArray(content)) {
      for (const part of content) {
        if (IMAGE_PARTS.has(part.type)) images += 1;
        else bytes += jsonBytes(part);
      }
    }
    for (const _ in rest) {
      bytes += jsonBytes(rest);
      break;
    }
  }
  for (const definitions of [request.tools, request['functions'], request['response_format'], request['prediction']]) {
    if (definitions != null) bytes += jsonBytes(definitions);
  }
  return {
    promptTokensMax: bytes + images * (model.imageTokensMax ?? IMAGE_TOKENS_MAX),
    completionTokensMax: (request.n ?? 1) * outputTokensMax,
  };
}

const jsonBytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
