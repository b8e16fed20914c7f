import type { JsonObject } from './json.ts';

/** What a prompt is expected to cost. */
export interface TokenCount {
  /** As the upstream would count it, as far as its earlier answers tell. */
  readonly tokens: number;
  /** By the rules alone, before anything learned; what {@link TokenCounter.learn} wants back. */
  readonly uncorrected: number;
  /** The model has another vocabulary or chat template than the counter, or a part could only be guessed. */
  readonly isEstimate: boolean;
}

/** Counts tokens without an upstream. */
export interface TokenCounter {
  /**
   * The prompt tokens of a Chat Completions body.
   * @throws Error when the counter ended meanwhile; the next call starts it anew.
   */
  count(body: JsonObject, model: string): Promise<TokenCount>;
  /** The tokens of plain text, such as an answer. */
  countText(text: string): Promise<number>;
  /** Takes `prompt_tokens` of an answer beside the `uncorrected` count of its request. */
  learn(model: string, uncorrected: number, actual: number): void;
  dispose(): Promise<void>;
}
