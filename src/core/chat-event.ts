import type { Usage } from './usage.ts';

/** Why an answer ended; a reason nobody knows counts as `stop`. */
export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter';

/**
 * One thing that a model said, whatever the wire format it came in. A stream is any number of pieces, then one `finish`;
 * `usage` may come before or after it. Calls are told apart by `index`: each begins with one `tool-call`, and the pieces of
 * several may alternate.
 */
export type ChatEvent =
  | { readonly type: 'reasoning'; readonly text: string }
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'refusal'; readonly text: string }
  | { readonly type: 'tool-call'; readonly index: number; readonly id: string; readonly name: string }
  | { readonly type: 'tool-arguments'; readonly index: number; readonly text: string }
  | { readonly type: 'finish'; readonly reason: FinishReason }
  | { readonly type: 'usage'; readonly usage: Usage };
