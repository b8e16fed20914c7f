import { createApiKeyKind } from '../accounts/kinds/api-key.ts';
import { createDemoKind } from '../accounts/kinds/demo.ts';
import type { AccountKinds } from '../accounts/kinds/kind.ts';
import { createOAuthDeviceKind } from '../accounts/kinds/oauth-device.ts';
import type { LinkedCredentials } from '../accounts/linked-credentials.ts';
import { createOAuthClient, type OAuthClient } from '../accounts/oauth-client.ts';
import type { AccountStore } from '../accounts/store.ts';
import type { Clock, Exclusively } from '../core/contracts.ts';
import { GatewayError } from '../core/errors.ts';
import type { ProxySettings } from '../core/settings.ts';
import type { Endpoints } from '../core/upstream.ts';
import { sendToDemo } from '../upstream/demo.ts';
import { type Plan, plan, planEndpoints, resourceUrlToBaseUrl } from '../upstream/plans.ts';
import type { Transport } from '../upstream/transport.ts';

export interface AccountKindsOptions {
  readonly settings: () => ProxySettings;
  readonly store: AccountStore;
  readonly clock: Clock;
  readonly transport: Transport;
  readonly userAgent: string;
  readonly linked: LinkedCredentials;
  readonly exclusively?: Exclusively | undefined;
  /** Sends a plan's requests elsewhere; `undefined` for a plan that stays where it is. */
  readonly planEndpoints?: (plan: Plan) => Endpoints | undefined;
}

/** Every kind of account there is, with the plans' endpoints filled in. */
export function createAccountKinds(options: AccountKindsOptions): { kinds: AccountKinds; oauth: OAuthClient } {
  const { settings, store, clock, transport, userAgent } = options;
  const oauth = createOAuthClient({ settings: () => settings().oauth, send: transport.send, clock, userAgent });
  const configuredHosts = () => {
    const { tokenEndpoint, deviceCodeEndpoint } = settings().oauth;
    return [tokenEndpoint, deviceCodeEndpoint].map((url) => new URL(url).host);
  };
  const kinds: AccountKinds = {
    'api-key': createApiKeyKind((account) => {
      const found = plan(account.plan);
      if (found) return options.planEndpoints?.(found) ?? planEndpoints(found, account);
      throw new GatewayError('wrong_path', `The plan "${account.plan}" is not known to this version.`);
    }),
    'oauth-device': createOAuthDeviceKind({
      client: oauth,
      store,
      clock,
      linked: options.linked,
      exclusively: options.exclusively,
      refreshBufferMs: () => settings().oauth.refreshBufferMs,
      endpointsOf: (resourceUrl) => ({ openai: resourceUrlToBaseUrl(resourceUrl, configuredHosts()) }),
    }),
    demo: createDemoKind({ openai: 'demo:/v1' }, sendToDemo),
  };
  return { kinds, oauth };
}
