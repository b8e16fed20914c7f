import { createOAuthClient, type OAuthClient } from '../../src/accounts/oauth-client.ts';
import type { OAuthSettings } from '../../src/core/settings.ts';
import type { UpstreamRequest, UpstreamResponse } from '../../src/core/upstream.ts';
import { createTransport, type Transport } from '../../src/upstream/transport.ts';
import { oauthPaths } from '../simulator/oauth.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { testSettings } from './server-proxy.ts';

/** An OAuth client on the real transport in front of a simulated issuer, all on one clock. */
export interface OAuthFixture {
  readonly simulator: Simulator;
  readonly transport: Transport;
  readonly clock: FakeClock;
  readonly client: OAuthClient;
  /** Replaced to point the client elsewhere. */
  settings: OAuthSettings;
  /** Stands between client and network when set: answers by itself, or holds a request back. */
  intercept:
    | ((request: UpstreamRequest, send: () => Promise<UpstreamResponse>) => Promise<UpstreamResponse>)
    | undefined;
  reset(): void;
  close(): Promise<void>;
}

export async function startOAuthFixture(): Promise<OAuthFixture> {
  const clock = createFakeClock();
  const simulator = await startSimulator({ now: () => clock.now() });
  const transport = createTransport();
  const settings = testSettings({ QWEN_BASE_URL: simulator.origin }).oauth;
  const fixture: OAuthFixture = {
    simulator,
    transport,
    clock,
    settings,
    intercept: undefined,
    client: createOAuthClient({
      settings: () => fixture.settings,
      send(request, signal) {
        const send = () => transport.send(request, signal);
        return fixture.intercept ? fixture.intercept(request, send) : send();
      },
      clock,
      userAgent: 'QwenProxy/test',
    }),
    reset() {
      simulator.reset();
      fixture.settings = settings;
      fixture.intercept = undefined;
    },
    async close() {
      await transport.close();
      await simulator.close();
    },
  };
  return fixture;
}

/** An answer of an OAuth endpoint that the simulator does not give. */
export function scriptedAnswer(
  status: number,
  body: string | object,
  contentType = typeof body === 'string' ? 'text/html' : 'application/json',
): UpstreamResponse {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return {
    status,
    headers: { 'content-type': contentType },
    body: {
      async *[Symbol.asyncIterator]() {
        yield bytes;
      },
      destroy() {},
    },
  };
}

export const tokenRequests = (simulator: Simulator) =>
  simulator.requests.filter(({ path }) => path === oauthPaths.token);
