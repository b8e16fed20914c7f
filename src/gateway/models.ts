import type { Account } from '../accounts/account.ts';
import { type AccountKinds, kindOf } from '../accounts/kinds/kind.ts';
import type { Clock, Logger } from '../core/contracts.ts';
import { isJsonObject, type JsonObject, objectItems, parseJson, stringField } from '../core/json.ts';
import { readText, type UpstreamResponse } from '../core/upstream.ts';
import { isTextModelId, modelInfo, resolveModel } from '../upstream/models.ts';
import { plan } from '../upstream/plans.ts';
import type { Transport } from '../upstream/transport.ts';
import { withCredential } from './send.ts';

/** A fetched list is asked for again after this long; meanwhile the old one serves. */
const freshMs = 10 * 60_000;
const fetchTimeoutMs = 8_000;
const listBytes = 4 * 1024 * 1024;

export interface ModelDirectoryOptions {
  readonly kinds: AccountKinds;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly userAgent: string;
  readonly defaultModel: () => string;
  readonly accounts: () => readonly Account[];
}

/** Which models the accounts offer: the plan's own list, or the upstream's where it gives one. */
export interface ModelDirectory {
  /** The model an account is asked for, given what the client asked. */
  modelFor(account: Account, asked: string | undefined): string;
  /** OpenAI's model objects, the union over all enabled accounts. */
  list(): Promise<readonly (JsonObject & { readonly id: string })[]>;
  /** Ids of the models of one account; none for an account that is not there. */
  listOf(id: string): Promise<readonly string[]>;
  /** Forgets what was fetched for an account. */
  forget(id: string): void;
}

export function createModelDirectory(options: ModelDirectoryOptions): ModelDirectory {
  const { kinds, transport, clock, logger } = options;
  const fetched = new Map<string, { readonly ids: readonly string[]; readonly atMs: number }>();
  const known = (account: Account) => fetched.get(account.id)?.ids ?? plan(account.plan)?.models ?? [];

  const idsOf = async (account: Account): Promise<readonly string[]> => {
    const isFresh = clock.now() - (fetched.get(account.id)?.atMs ?? Number.NEGATIVE_INFINITY) < freshMs;
    if (!plan(account.plan)?.listsModels || isFresh) return known(account);
    try {
      const ids = await fetchIds(account);
      // A failed or empty list is remembered too: asking again for every caller helps nobody.
      fetched.set(account.id, { ids: ids.length > 0 ? ids : known(account), atMs: clock.now() });
    } catch (error) {
      logger.debug('The model list could not be fetched.', { account: account.id, reason: String(error) });
      fetched.set(account.id, { ids: known(account), atMs: clock.now() });
    }
    return known(account);
  };

  const fetchIds = (account: Account): Promise<readonly string[]> => {
    const signal = AbortSignal.timeout(fetchTimeoutMs);
    const kind = kindOf(kinds, account);
    return withCredential(kind, signal, async (credential) => {
      const headers = {
        authorization: credential.authorization,
        accept: 'application/json',
        'user-agent': options.userAgent,
      };
      const request = { method: 'GET', url: `${credential.endpoints.openai}/models`, headers } as const;
      return readIds(await (kind.send ?? transport.send)(request, signal));
    });
  };

  return {
    modelFor: (account, asked) =>
      resolveModel(asked, { defaultModel: options.defaultModel(), available: known(account) }),
    async list() {
      const lists = await Promise.all(
        options
          .accounts()
          .filter((account) => account.enabled)
          .map(idsOf),
      );
      return [...new Set(lists.flat())].map(modelObject);
    },
    async listOf(id) {
      const account = options.accounts().find((each) => each.id === id);
      return account === undefined ? [] : idsOf(account);
    },
    forget: (id) => void fetched.delete(id),
  };
}

/** The ids of a `GET /models` answer that are models to chat with; none for anything else. */
export async function readIds(response: UpstreamResponse): Promise<readonly string[]> {
  const body = parseJson(await readText(response.body, listBytes));
  if (response.status !== 200 || !isJsonObject(body)) return [];
  return objectItems(body, 'data')
    .map((model) => stringField(model, 'id'))
    .filter((id): id is string => id !== undefined && isTextModelId(id));
}

function modelObject(id: string) {
  const info = modelInfo(id);
  return {
    id,
    object: 'model',
    created: 0,
    owned_by: 'qwen',
    ...(info.contextWindow !== undefined && { context_window: info.contextWindow }),
    ...(info.maxOutput !== undefined && { max_output_tokens: info.maxOutput }),
  };
}
