import type { Account } from '../accounts/account.ts';
import { type AccountKinds, type Credential, kindOf } from '../accounts/kinds/kind.ts';
import type { Clock } from '../core/contracts.ts';
import { GatewayError } from '../core/errors.ts';
import { isJsonObject, type JsonObject, objectItems, parseJson } from '../core/json.ts';
import { headerValue, readText, type UpstreamRequest, type UpstreamResponse } from '../core/upstream.ts';
import { openChatStream } from '../upstream/chat-stream.ts';
import { classifyHttpError, classifyTransportError } from '../upstream/errors.ts';
import { isTextModelId } from '../upstream/models.ts';
import { plan } from '../upstream/plans.ts';
import { editChatRequest } from '../upstream/request.ts';
import type { Transport } from '../upstream/transport.ts';
import { surfaceOf } from './chat-lane.ts';
import { withCredential } from './send.ts';

/** Counting and listing answer at once; one token of an answer may have to wait for the model. */
const freeTimeoutMs = 6_000;
const answerTimeoutMs = 20_000;

const listBytes = 4 * 1024 * 1024;

export interface UpstreamCheckOptions {
  readonly kinds: AccountKinds;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly userAgent: string;
  readonly modelFor: (account: Account) => string;
}

/** What the upstream said about an account; the error is classified as everywhere. */
export type UpstreamCheckResult = { readonly durationMs: number } & (
  | { readonly ok: true; readonly models: readonly string[] }
  | { readonly ok: false; readonly error: GatewayError }
);

/** @param isBilled Ask an API-key account for one token of an answer, which is charged for. */
export type UpstreamCheck = (account: Account, isBilled?: boolean) => Promise<UpstreamCheckResult>;

/**
 * Asks the upstream once whether an account works, at no cost where that is possible: `count_tokens` where the plan
 * speaks Anthropic, else the model list. A sign-in account is asked for one token of an answer: its tokens are issued
 * and listed even where inference has ended.
 */
export function createUpstreamCheck(options: UpstreamCheckOptions): UpstreamCheck {
  const { kinds, transport, clock } = options;

  const ask = async (
    call: Call,
    credential: Credential,
    { account, signal, isBilled }: { account: Account; signal: AbortSignal; isBilled: boolean },
  ): Promise<readonly string[]> => {
    const model = options.modelFor(account);
    const chosen = plan(account.plan);
    if (isBilled) return askForToken(call, credential, { account, model, signal, clock });
    const { anthropic } = credential.endpoints;
    const isCounted = anthropic !== undefined && (await countTokens(call, anthropic, model, clock));
    if (isCounted && !chosen?.listsModels) return chosen?.models ?? [];
    return listModels(call, credential, { isRequired: !isCounted, clock });
  };

  return async (account, wantsBilled = false) => {
    const startedMs = clock.now();
    const isBilled = wantsBilled || account.kind !== 'api-key';
    const timeoutMs = isBilled ? answerTimeoutMs : freeTimeoutMs;
    const timeout = startTimeout(clock, timeoutMs);
    const { signal } = timeout;
    const kind = kindOf(kinds, account);
    const send = kind.send ?? transport.send;
    try {
      const models = await withCredential(kind, signal, async (credential) => {
        const call = (request: Pick<UpstreamRequest, 'method' | 'url' | 'body'>) =>
          send({ ...request, headers: headersFor(credential, options.userAgent) }, signal);
        try {
          return await ask(call, credential, { account, signal, isBilled });
        } catch (error) {
          // A body may be cut off while it is read, past the transport's own judgement.
          throw classifyTransportError(error);
        }
      });
      return { ok: true, models, durationMs: clock.now() - startedMs };
    } catch (thrown) {
      const error = signal.aborted
        ? new GatewayError('upstream_timeout', `Qwen did not answer within ${timeoutMs / 1000} seconds.`, {
            fix: 'Check the network and the base URL, then test again.',
          })
        : classifyTransportError(thrown);
      return { ok: false, error, durationMs: clock.now() - startedMs };
    } finally {
      timeout.cancel();
    }
  };
}

/** A signal that aborts when the time is up, on the server's own clock. */
function startTimeout(clock: Clock, timeoutMs: number): { readonly signal: AbortSignal; cancel(): void } {
  const expired = new AbortController();
  const cancelled = new AbortController();
  clock.sleep(timeoutMs, cancelled.signal).then(
    () => expired.abort(new DOMException('The time is up.', 'TimeoutError')),
    () => {},
  );
  return { signal: expired.signal, cancel: () => cancelled.abort() };
}

type Call = (request: Pick<UpstreamRequest, 'method' | 'url' | 'body'>) => Promise<UpstreamResponse>;

const headersFor = (credential: Credential, userAgent: string) => ({
  authorization: credential.authorization,
  'content-type': 'application/json',
  'anthropic-version': '2023-06-01',
  'user-agent': userAgent,
});

/** True when the upstream counted; false where it has no such call, so that another way of asking is needed. */
async function countTokens(call: Call, anthropicBase: string, model: string, clock: Clock): Promise<boolean> {
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }] });
  const response = await call({ method: 'POST', url: `${anthropicBase}/v1/messages/count_tokens`, body });
  if (response.status === 200) return (await readText(response.body, 65_536)).includes('input_tokens');
  const error = await refusal(response, clock);
  if (error.code === 'wrong_path' || error.code === 'model_not_found' || error.code === 'invalid_request') return false;
  throw error;
}

async function listModels(
  call: Call,
  { endpoints }: Credential,
  { isRequired, clock }: { readonly isRequired: boolean; readonly clock: Clock },
): Promise<readonly string[]> {
  const response = await call({ method: 'GET', url: `${endpoints.openai}/models` });
  if (response.status === 200) {
    const text = await readText(response.body, listBytes);
    const body = parseJson(text);
    if (isJsonObject(body) && Array.isArray(body.data)) return idsOf(body);
    // A firewall's page and a network's sign-in page answer 200 to anything: that is no connection to Qwen.
    if (isRequired) throw classify(response, text, clock);
    return [];
  }
  const error = await refusal(response, clock);
  if (isRequired) throw error;
  return [];
}

const idsOf = (list: JsonObject): readonly string[] =>
  objectItems(list, 'data').flatMap(({ id }) => (typeof id === 'string' && isTextModelId(id) ? [id] : []));

async function askForToken(
  call: Call,
  { endpoints }: Credential,
  { account, model, signal, clock }: { account: Account; model: string; signal: AbortSignal; clock: Clock },
): Promise<readonly string[]> {
  const body = JSON.stringify(
    editChatRequest({ messages: [{ role: 'user', content: 'hi' }], max_tokens: 1 }, model, surfaceOf(account)),
  );
  const response = await call({ method: 'POST', url: `${endpoints.openai}/chat/completions`, body });
  const stream = await openChatStream(response, { signal, clock, idleMs: answerTimeoutMs });
  for await (const _batch of stream.batches({ includeUsage: false }));
  return [model];
}

async function refusal(response: UpstreamResponse, clock: Clock): Promise<GatewayError> {
  return classify(response, await readText(response.body, 65_536), clock);
}

function classify({ status, headers }: UpstreamResponse, body: string, clock: Clock): GatewayError {
  const contentType = headerValue(headers, 'content-type');
  return classifyHttpError({ status, headers: { contentType }, body, now: clock.now() });
}
