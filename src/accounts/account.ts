import * as v from 'valibot';
import type { AccountKindName } from '../core/control.ts';
import { parseJson } from '../core/json.ts';

/** The credential of an API-key account. */
const apiKeySecret = v.object({ key: v.string() });

/** Tokens of a device-flow account, as the token endpoint gave them. */
const oauthSecret = v.object({
  accessToken: v.string(),
  refreshToken: v.string(),
  expiresAtMs: v.number(),
  /** Host the token works on; tokens are refused everywhere else. */
  resourceUrl: v.optional(v.string()),
});
export type OAuthSecret = v.InferOutput<typeof oauthSecret>;

const common = {
  version: v.literal(1),
  id: v.string(),
  label: v.string(),
  plan: v.string(),
  enabled: v.boolean(),
  /** Place in the user's order; lower comes first. */
  order: v.number(),
  createdAtMs: v.number(),
  /** When the user last ended every cooldown: what was held against the account before counts no more, in any process. */
  clearedAtMs: v.optional(v.number()),
  /** Accounts of one main account share its limits: rotating between them gains nothing. */
  group: v.optional(v.string()),
  /** A limit of the user's own, counted like the plan's windows. */
  limit: v.optional(
    v.object({
      window: v.picklist(['hour', 'day', 'week', 'month']),
      requests: v.optional(v.number()),
      tokens: v.optional(v.number()),
    }),
  ),
  /** Day of the month, in China, on which the plan is billed and its month begins anew; absent = the account's first day. */
  billingDay: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(31))),
  baseUrl: v.optional(v.string()),
  anthropicBaseUrl: v.optional(v.string()),
  responsesBaseUrl: v.optional(v.string()),
};

const accountSchema = v.variant('kind', [
  v.object({ ...common, kind: v.literal('api-key'), secret: apiKeySecret }),
  v.object({
    ...common,
    kind: v.literal('oauth-device'),
    secret: oauthSecret,
    /** Path of qwen-code's credential file: the tokens live there, and `secret` is empty. */
    linkedFile: v.optional(v.string()),
  }),
  v.object({ ...common, kind: v.literal('demo') }),
]);

/** One stored account with its credential. It stays inside the server: hosts get {@link AccountSummary} values. */
export type Account = v.InferOutput<typeof accountSchema>;
export type AccountOf<Kind extends AccountKindName> = Extract<Account, { kind: Kind }>;

/** What an account may be called: it stands in file names, URLs and logs. */
export const accountIdPattern = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/** Reads a stored entry; `undefined` for one this version cannot read, which is kept in the store as it is. */
export function parseAccount(stored: string): Account | undefined {
  const result = v.safeParse(accountSchema, parseJson(stored));
  return result.success ? result.output : undefined;
}

export function formatAccount(account: Account): string {
  return JSON.stringify(account);
}
