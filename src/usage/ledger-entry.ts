import * as v from 'valibot';
import { parseJson } from '../core/json.ts';

/** How a client request ended. `answered` is the only one that counts as served. */
export const requestOutcomes = ['answered', 'failed', 'cut', 'aborted'] as const;
export type RequestOutcome = (typeof requestOutcomes)[number];

const attemptSchema = v.object({
  account: v.string(),
  error: v.optional(v.string()),
  /** The upstream began to answer: a call as the plan counts it. */
  committed: v.optional(v.boolean()),
});

const entrySchema = v.object({
  /** Version of the line's shape. */
  v: v.literal(1),
  /** End of the request, epoch milliseconds. */
  at: v.number(),
  id: v.string(),
  /** First word of the client's User-Agent, e.g. `OpenAI/JS`. */
  client: v.optional(v.string()),
  /** Name of the client key, where it has one of its own. */
  key: v.optional(v.string()),
  dialect: v.string(),
  lane: v.optional(v.string()),
  modelAsked: v.optional(v.string()),
  model: v.optional(v.string()),
  /** Account that answered, or was tried last. */
  account: v.optional(v.string()),
  attempts: v.array(attemptSchema),
  outcome: v.picklist(requestOutcomes),
  status: v.number(),
  error: v.optional(v.string()),
  ttftMs: v.optional(v.number()),
  durationMs: v.number(),
  inputTokens: v.optional(v.number()),
  outputTokens: v.optional(v.number()),
  cachedTokens: v.optional(v.number()),
  cacheWriteTokens: v.optional(v.number()),
  reasoningTokens: v.optional(v.number()),
});

/** One client request in the usage ledger: facts only, no text of it and no credential. */
export type LedgerEntry = v.InferOutput<typeof entrySchema>;

/** Reads one line; `undefined` for a torn or foreign one. */
export function parseLedgerLine(line: string): LedgerEntry | undefined {
  const result = v.safeParse(entrySchema, parseJson(line));
  return result.success ? result.output : undefined;
}
