import type { Account } from '../accounts/account.ts';
import type { Standing } from '../accounts/health.ts';
import type { AccountKinds } from '../accounts/kinds/kind.ts';
import { createLinkedCredentials, type LinkedCredentials } from '../accounts/linked-credentials.ts';
import type { OAuthClient } from '../accounts/oauth-client.ts';
import type { AccountStore } from '../accounts/store.ts';
import type { Clock } from '../core/contracts.ts';
import type { GenerationRequest } from '../core/dialect.ts';
import type { ProxySettings } from '../core/settings.ts';
import { createTokenCounter } from '../tokens/counter.ts';
import { modelInfo } from '../upstream/models.ts';
import type { Transport } from '../upstream/transport.ts';
import { createAccountKinds } from './account-kinds.ts';
import type { Attempt, OpenedAnswer } from './attempt.ts';
import { createTokenCount } from './count-tokens.ts';
import type { Inspector } from './inspector.ts';
import { createLanes } from './lanes.ts';
import { createModelLists } from './model-lists.ts';
import { createModelDirectory, type ModelDirectory } from './models.ts';
import type { ProxyOptions } from './proxy-options.ts';
import { createTokenUsage } from './token-usage.ts';
import { createUpstreamCheck, type UpstreamCheck } from './upstream-check.ts';

/** Without a byte for this long an upstream counts as stalled, unless the host says otherwise. */
const defaultIdleMs = 300_000;

export interface UpstreamPartsOptions {
  readonly options: ProxyOptions;
  readonly settings: () => ProxySettings;
  readonly store: AccountStore;
  readonly accounts: () => readonly Account[];
  readonly standing: (account: Account) => Standing;
  readonly clock: Clock;
  readonly transport: Transport;
  readonly inspector: Inspector;
}

/** Everything that speaks to an upstream for an account. */
export interface UpstreamParts {
  readonly kinds: AccountKinds;
  readonly oauth: OAuthClient;
  readonly linked: LinkedCredentials;
  readonly models: ModelDirectory;
  readonly check: UpstreamCheck;
  /** Sends one attempt down its lane. */
  readonly open: (attempt: Attempt) => Promise<OpenedAnswer>;
  readonly countTokens: ReturnType<typeof createTokenCount>;
  /** The prompt tokens of a request that has to be translated. */
  readonly countInput: (request: GenerationRequest, model: string) => Promise<number | undefined>;
  /** Gives up connections and threads. */
  close(): Promise<void>;
}

export function createUpstreamParts({
  options,
  settings,
  store,
  accounts,
  standing,
  clock,
  transport,
  inspector,
}: UpstreamPartsOptions): UpstreamParts {
  const { logger, version, planEndpoints, team, idleMs = defaultIdleMs } = options;
  const userAgent = `QwenProxy/${version}`;
  const tokens = createTokenUsage(createTokenCounter(), logger);
  const linked = createLinkedCredentials(clock);
  const endpoints = planEndpoints && { planEndpoints };
  const { kinds, oauth } = createAccountKinds({
    settings,
    store,
    clock,
    transport,
    userAgent,
    linked,
    exclusively: team?.exclusively ?? options.exclusively,
    ...endpoints,
  });
  const { demo } = kinds;
  const watched = {
    kinds: { ...kinds, demo: { ...demo, ...(demo.send && { send: inspector.aroundSend(demo.send) }) } },
    transport: { ...transport, send: inspector.aroundSend(transport.send) },
  };
  const lists = createModelLists({ kinds, transport, clock, logger, userAgent, shared: team?.models });
  const models = createModelDirectory({ lists, settings, accounts, standing });
  const modelFor = (account: Account) => models.modelFor(account, undefined) ?? settings().defaultModel;
  const visionModel = (account: Account) => lists.known(account).text.find((id) => modelInfo(id).vision);
  return {
    kinds,
    oauth,
    linked,
    models,
    check: createUpstreamCheck({ kinds, transport, clock, userAgent, modelFor }),
    countTokens: createTokenCount({
      kinds,
      now: () => clock.now(),
      transport,
      logger,
      userAgent,
      accounts: () => accounts().filter((account) => standing(account).state === 'ready'),
      modelFor: models.modelFor,
      countLocally: tokens.count,
    }),
    open: inspector.aroundOpen(
      createLanes({
        ...watched,
        clock,
        logger,
        userAgent,
        idleMs,
        settings,
        visionModel,
        lane: () => settings().lane,
        tokens,
      }),
    ),
    countInput: async ({ translation }, model) =>
      translation === undefined ? undefined : (await tokens.count(translation.chat, model)).tokens,
    async close() {
      await tokens.dispose();
      await transport.close();
    },
  };
}
