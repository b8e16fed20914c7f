import type { Account } from '../accounts/account.ts';
import type { AccountKinds } from '../accounts/kinds/kind.ts';
import { createLinkedCredentials, type LinkedCredentials } from '../accounts/linked-credentials.ts';
import type { OAuthClient } from '../accounts/oauth-client.ts';
import type { AccountStore } from '../accounts/store.ts';
import type { Clock } from '../core/contracts.ts';
import type { ProxySettings } from '../core/settings.ts';
import type { Transport } from '../upstream/transport.ts';
import { createAccountKinds } from './account-kinds.ts';
import type { Attempt, OpenedAnswer } from './attempt.ts';
import type { Inspector } from './inspector.ts';
import { createLanes } from './lanes.ts';
import { createModelDirectory, type ModelDirectory } from './models.ts';
import type { ProxyOptions } from './proxy-options.ts';
import { createUpstreamCheck, type UpstreamCheck } from './upstream-check.ts';

/** Without a byte for this long an upstream counts as stalled, unless the host says otherwise. */
const defaultIdleMs = 300_000;

export interface UpstreamPartsOptions {
  readonly options: ProxyOptions;
  readonly settings: () => ProxySettings;
  readonly store: AccountStore;
  readonly accounts: () => readonly Account[];
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
}

export function createUpstreamParts({
  options,
  settings,
  store,
  accounts,
  clock,
  transport,
  inspector,
}: UpstreamPartsOptions): UpstreamParts {
  const { logger, version, planEndpoints, idleMs = defaultIdleMs } = options;
  const userAgent = `QwenProxy/${version}`;
  const linked = createLinkedCredentials(clock);
  const endpoints = planEndpoints && { planEndpoints };
  const { kinds, oauth } = createAccountKinds({ settings, store, clock, transport, userAgent, linked, ...endpoints });
  const { demo } = kinds;
  const watched = {
    kinds: { ...kinds, demo: { ...demo, ...(demo.send && { send: inspector.aroundSend(demo.send) }) } },
    transport: { ...transport, send: inspector.aroundSend(transport.send) },
  };
  const defaultModel = () => settings().defaultModel;
  const models = createModelDirectory({ kinds, transport, clock, logger, userAgent, defaultModel, accounts });
  const modelFor = (account: Account) => models.modelFor(account, undefined);
  return {
    kinds,
    oauth,
    linked,
    models,
    check: createUpstreamCheck({ kinds, transport, clock, userAgent, modelFor }),
    open: inspector.aroundOpen(createLanes({ ...watched, clock, userAgent, idleMs })),
  };
}
