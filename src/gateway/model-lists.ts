import * as v from 'valibot';
import type { Account } from '../accounts/account.ts';
import { type AccountKinds, kindOf } from '../accounts/kinds/kind.ts';
import type { Clock, Logger } from '../core/contracts.ts';
import { isJsonObject, objectItems, parseJson, stringField } from '../core/json.ts';
import type { SharedMap } from '../core/team.ts';
import { readText, type UpstreamResponse } from '../core/upstream.ts';
import { embeddingModels, isTextEmbeddingModelId } from '../upstream/embedding-models.ts';
import { isTextModelId } from '../upstream/models.ts';
import { plan } from '../upstream/plans.ts';
import type { Transport } from '../upstream/transport.ts';
import { withCredential } from './send.ts';

/** A fetched list is asked for again after this long, a list that could not be had a little sooner. */
const freshMs = 10 * 60_000;
const retryMs = 60_000;
/** Whoever asks first waits so long for the upstream; then the plan's own list stands in for it. */
const firstWaitMs = 3_000;
const fetchTimeoutMs = 8_000;
const listBytes = 4 * 1024 * 1024;
/** A list that is longer is no list of one vendor's models. */
const maximumIds = 2_000;

/** What one account offers, by ids in the upstream's spelling and order. */
const modelsSchema = v.object({ text: v.array(v.string()), embeddings: v.array(v.string()) });
export interface AccountModels {
  readonly text: readonly string[];
  readonly embeddings: readonly string[];
}

/** A list as it was fetched; without models where the upstream gave none. */
interface FetchedModels {
  readonly models?: AccountModels;
  readonly untilMs: number;
}
const fetchedSchema = v.object({ models: v.exactOptional(modelsSchema), untilMs: v.number() });

export interface ModelListsOptions {
  readonly kinds: AccountKinds;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly userAgent: string;
  /** What other replicas have fetched. */
  readonly shared?: SharedMap | undefined;
}

/** The model lists of the accounts: the plan's own, or the upstream's where it gives one. */
export interface ModelLists {
  /** What is known now, without asking anybody. */
  known(account: Account): AccountModels;
  /** What is known, asked for first where nobody has; a list that grew old is served once more while it is renewed. */
  current(account: Account): Promise<AccountModels>;
  forget(id: string): void;
}

export function createModelLists({
  kinds,
  transport,
  clock,
  logger,
  userAgent,
  shared,
}: ModelListsOptions): ModelLists {
  const fetched = new Map<string, FetchedModels>();
  const fetching = new Map<string, Promise<void>>();
  const known = (account: Account): AccountModels => fetched.get(account.id)?.models ?? modelsOfPlan(account);

  const adoptShared = () => {
    const lists = shared?.entries() ?? new Map<string, string>();
    // Another replica has forgotten it, with its account.
    for (const [id, { models }] of fetched) if (models !== undefined && !lists.has(id)) fetched.delete(id);
    for (const [id, text] of lists) {
      const { success, output } = v.safeParse(fetchedSchema, parseJson(text));
      if (success && output.untilMs > (fetched.get(id)?.untilMs ?? 0)) fetched.set(id, output);
    }
  };
  adoptShared();
  shared?.onDidChange(adoptShared);

  const fetchModels = (account: Account): Promise<AccountModels> => {
    const signal = AbortSignal.timeout(fetchTimeoutMs);
    const kind = kindOf(kinds, account);
    return withCredential(kind, signal, async (credential) => {
      const headers = {
        authorization: credential.authorization,
        accept: 'application/json',
        'user-agent': userAgent,
      };
      const request = { method: 'GET', url: `${credential.endpoints.openai}/models`, headers } as const;
      return readModels(await (kind.send ?? transport.send)(request, signal), account);
    });
  };
  /** One question at a time for an account, however many want its list. */
  const refresh = (account: Account): Promise<void> => {
    const underWay = fetching.get(account.id);
    if (underWay !== undefined) return underWay;
    const asking = fetchModels(account)
      .catch((error): AccountModels => {
        logger.debug('The model list could not be fetched.', { account: account.id, reason: String(error) });
        return nothing;
      })
      .then((models) => {
        // The account may have been removed meanwhile, and another one made under its id.
        if (fetching.get(account.id) !== asking) return;
        fetching.delete(account.id);
        const isList = models.text.length + models.embeddings.length > 0;
        const old = fetched.get(account.id)?.models;
        const kept = isList ? models : old;
        const entry = { ...(kept && { models: kept }), untilMs: clock.now() + (isList ? freshMs : retryMs) };
        fetched.set(account.id, entry);
        if (isList) void shared?.set(account.id, JSON.stringify(entry));
      });
    fetching.set(account.id, asking);
    return asking;
  };

  return {
    known,
    async current(account) {
      if (!plan(account.plan)?.listsModels) return known(account);
      const entry = fetched.get(account.id);
      if (entry !== undefined && clock.now() < entry.untilMs) return known(account);
      const asking = refresh(account);
      if (entry === undefined) {
        const answered = new AbortController();
        const patience = clock.sleep(firstWaitMs, answered.signal).catch(() => {});
        await Promise.race([asking, patience]);
        answered.abort();
      }
      return known(account);
    },
    forget(id) {
      fetched.delete(id);
      fetching.delete(id);
      void shared?.delete(id);
    },
  };
}

const nothing: AccountModels = { text: [], embeddings: [] };

/** A plan that serves embeddings serves Qwen's own; what a custom endpoint has, its list tells. */
function modelsOfPlan({ plan: name }: Account): AccountModels {
  const found = plan(name);
  const hasOwn = name !== 'custom' && found?.formats.includes('openai-embeddings') === true;
  return { text: found?.models ?? [], embeddings: hasOwn ? embeddingModels.map(({ id }) => id) : [] };
}

/** The models of a `GET /models` answer that are of use here; none for anything else. */
async function readModels(response: UpstreamResponse, account: Account): Promise<AccountModels> {
  const body = parseJson(await readText(response.body, listBytes));
  if (response.status !== 200 || !isJsonObject(body)) return nothing;
  const ids = objectItems(body, 'data')
    .flatMap((model) => stringField(model, 'id') ?? [])
    .slice(0, maximumIds);
  const embeddings = plan(account.plan)?.formats.includes('openai-embeddings')
    ? ids.filter(isTextEmbeddingModelId)
    : [];
  const text = ids.filter(isTextModelId);
  if (text.length === 0) return { text, embeddings };
  // Qwen's own list of chat models need not name them.
  return { text, embeddings: [...new Set([...modelsOfPlan(account).embeddings, ...embeddings])] };
}
