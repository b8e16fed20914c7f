import type { Account } from '../accounts/account.ts';
import { type AccountKinds, kindOf } from '../accounts/kinds/kind.ts';
import type { Logger } from '../core/contracts.ts';
import { GatewayError } from '../core/errors.ts';
import { isJsonObject, type JsonObject, numberField, parseJson } from '../core/json.ts';
import { readText } from '../core/upstream.ts';
import { editCountRequest, speaksAnthropicNatively } from '../upstream/anthropic-native.ts';
import { plan } from '../upstream/plans.ts';
import type { Transport } from '../upstream/transport.ts';
import { withCredential } from './send.ts';

/** Clients count in bursts while they wait: an endpoint that takes longer than this is left alone. */
const patienceMs = 3_000;
const answerBytes = 64 * 1024;
/** An endpoint that failed is left alone for this long: Claude Code counts twenty times at once. */
const restMs = 60_000;

export interface CountTokensOptions {
  readonly kinds: AccountKinds;
  readonly transport: Transport;
  readonly logger: Logger;
  readonly userAgent: string;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Accounts that are ready, in the user's order. */
  readonly accounts: () => readonly Account[];
  readonly modelFor: (account: Account, asked: string | undefined) => string | undefined;
  /** Counts a Chat Completions body without asking anybody. */
  readonly countLocally: (chat: JsonObject, model: string) => Promise<{ tokens: number; isEstimate: boolean }>;
}

/** A request whose prompt is to be counted. */
export interface CountedRequest {
  readonly model: string | undefined;
  /** As a client of Anthropic wrote it; another format's prompt is counted here alone. */
  readonly messagesBody?: JsonObject;
  /** The same in Chat Completions. */
  readonly chat: JsonObject;
}

export interface TokenCount {
  readonly inputTokens: number;
  readonly isEstimate: boolean;
}

/**
 * Counts a prompt: by the upstream, which does so for nothing and knows the model's own vocabulary, where a ready
 * account has such an endpoint; else here. No account's health is touched, and no request of a plan is used.
 */
export function createTokenCount(options: CountTokensOptions) {
  const { kinds, transport, logger } = options;
  const restUntilMs = new Map<string, number>();

  const countUpstream = async (
    account: Account,
    { model, messagesBody }: CountedRequest,
    { signal, userAgent }: { readonly signal: AbortSignal; readonly userAgent: string | undefined },
  ): Promise<number | undefined> => {
    const chosen = options.modelFor(account, model);
    const isAsked = messagesBody !== undefined && chosen !== undefined && speaksAnthropicNatively(chosen);
    const edited = isAsked ? editCountRequest(messagesBody, chosen) : undefined;
    const mayHaveEndpoint = plan(account.plan)?.formats.includes('anthropic-messages') === true;
    if (edited === undefined || !mayHaveEndpoint) return undefined;
    const kind = kindOf(kinds, account);
    return withCredential(kind, signal, async ({ authorization, endpoints }) => {
      if (endpoints.anthropic === undefined || kind.send !== undefined) return undefined;
      const headers = {
        authorization,
        'content-type': 'application/json',
        accept: 'application/json',
        'anthropic-version': '2023-06-01',
        'user-agent': userAgent ?? options.userAgent,
      };
      const url = `${endpoints.anthropic}/v1/messages/count_tokens`;
      const answer = await transport.send({ method: 'POST', url, headers, body: JSON.stringify(edited) }, signal);
      const text = await readText(answer.body, answerBytes);
      const parsed = parseJson(text);
      const counted = isJsonObject(parsed) ? numberField(parsed, 'input_tokens') : undefined;
      if (answer.status === 200 && counted !== undefined) return counted;
      throw new GatewayError('upstream_protocol', `The count was answered with HTTP ${answer.status}.`);
    });
  };

  return async (
    request: CountedRequest,
    { signal, userAgent }: { readonly signal: AbortSignal; readonly userAgent: string | undefined },
  ): Promise<TokenCount> => {
    const accounts = options.accounts();
    const patience = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]);
    for (const account of accounts)
      try {
        const inputTokens = await countUpstream(account, request, { signal: patience, userAgent });
        if (inputTokens !== undefined) return { inputTokens, isEstimate: false };
      } catch (error) {
        if (!signal.aborted) restUntilMs.set(account.id, options.now() + restMs);
        logger.debug('The upstream did not count; counting here.', { account: account.id, reason: String(error) });
        break;
      }
    const [account] = accounts;
    const model = (account && options.modelFor(account, request.model)) ?? request.model ?? '';
    const { tokens, isEstimate } = await options.countLocally(request.chat, model);
    return { inputTokens: tokens, isEstimate };
  };
}
