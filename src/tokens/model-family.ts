/**
 * Models of the vocabulary that is counted with. Qwen3.5 and later have a larger one, other vendors their own; what a name
 * without a version (`qwen-plus`, `coder-model`) stands for moves over time.
 */
const sameVocabulary = /^(?:qwen2(?:\.5)?|qwen3|qwq|qvq)-/i;

export function hasCountedVocabulary(model: string): boolean {
  return sameVocabulary.test(model);
}

/** What an image costs. A token stands for a square of `side` pixels; an image has `leastTokens` to `mostTokens` of them. */
export interface ImageRule {
  readonly side: number;
  readonly leastTokens: number;
  /** Unless the request says otherwise. */
  readonly mostTokens: number;
  /** With `vl_high_resolution_images`. */
  readonly mostTokensHighResolution: number;
}

const oldVision = /^(?:qwen2|qvq|qwen-omni)/i;

/** By Model Studio's page on vision models, "Calculate image tokens" and `max_pixels`: 28 pixels for Qwen2.5-VL and QVQ, 32 since Qwen3-VL. */
export function imageRule(model: string): ImageRule {
  const common = { leastTokens: 4, mostTokensHighResolution: 16_384 };
  return oldVision.test(model)
    ? { ...common, side: 28, mostTokens: 1_280 }
    : { ...common, side: 32, mostTokens: 2_560 };
}
