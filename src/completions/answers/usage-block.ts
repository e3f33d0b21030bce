import { creditsAsNumber } from '../../kernel/credits.js';
import { type Cost, completionTokens, promptTokens, type Usage } from '../../pricing/index.js';
import type { UsageBlock } from './answer-dialect.js';

const PICO_PER_CREDIT = 1e12;

/** The `usage` object of an answer in OpenRouter's form. `cost` is what was charged, in credits. */
export function usageBlock(usage: Usage, cost: Cost): UsageBlock {
  const prompt = promptTokens(usage);
  const completion = completionTokens(usage);
  const outputCost = cost.lines.reduce((sum, line) => (line.class.startsWith('output_') ? sum + line.amount : sum), 0n);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    cost: creditsAsNumber(cost.rounded),
    is_byok: false,
    prompt_tokens_details: {
      cached_tokens: (usage.cache_read ?? 0) + (usage.cache_read_audio ?? 0),
      cache_write_tokens: (usage.cache_write_5m ?? 0) + (usage.cache_write_1h ?? 0),
      audio_tokens: usage.input_audio ?? 0,
      video_tokens: 0,
    },
    cost_details: {
      upstream_inference_cost: null,
      upstream_inference_prompt_cost: Number(cost.exact - outputCost) / PICO_PER_CREDIT,
      upstream_inference_completions_cost: Number(outputCost) / PICO_PER_CREDIT,
    },
    completion_tokens_details: {
      reasoning_tokens: usage.output_reasoning ?? 0,
      image_tokens: usage.output_image ?? 0,
      audio_tokens: usage.output_audio ?? 0,
    },
  };
}
