/** What a message costs beside its text, and what an image of common size does. */
const messageTokens = 4;
const imageTokens = 1_200;

/**
 * Tokens of a text, estimated on the high side: the editor asks often and cuts prompts by it, so it has to be cheap and
 * must not be too small. The server's own count may ask Qwen, and is no call for every part of a prompt. Chinese, Japanese and Korean take about two tokens for three characters in Qwen's vocabulary,
 * other text about one for three and a half.
 */
export function estimateTokens(text: string, options: { readonly images?: number } = {}): number {
  const ideographs = text.match(/[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]/g)?.length ?? 0;
  const others = text.length - ideographs;
  return messageTokens + Math.ceil(ideographs / 1.5 + others / 3.5) + (options.images ?? 0) * imageTokens;
}
