/**
 * A process of its own that needs the token of a linked file:
 *
 *   node refresh-linked-file.ts FILE SIMULATOR_ORIGIN
 *
 * Says `ready`, waits for a line on stdin, then prints the access token it would send.
 */
import { once } from 'node:events';
import { kindOf } from '../../src/accounts/kinds/kind.ts';
import { createOAuthDeviceKind } from '../../src/accounts/kinds/oauth-device.ts';
import { createLinkedCredentials } from '../../src/accounts/linked-credentials.ts';
import { createOAuthClient } from '../../src/accounts/oauth-client.ts';
import { createAccountStore } from '../../src/accounts/store.ts';
import { systemClock as clock } from '../../src/core/clock.ts';
import { createTransport } from '../../src/upstream/transport.ts';
import { createMemoryLogger, oauthAccount } from './accounts.ts';
import { createMemorySecrets, testSettings } from './server-proxy.ts';

const [, , linkedFile = '', origin = ''] = process.argv;
const transport = createTransport();
const settings = testSettings({ QWEN_BASE_URL: origin }).oauth;
const store = createAccountStore(createMemorySecrets(), createMemoryLogger());
const secret = { accessToken: '', refreshToken: '', expiresAtMs: 0 };
const account = oauthAccount('linked', { linkedFile, secret });
await store.put(account);
const kind = createOAuthDeviceKind({
  client: createOAuthClient({ settings: () => settings, send: transport.send, clock, userAgent: 'QwenProxy/test' }),
  store,
  clock,
  linked: createLinkedCredentials(clock),
  refreshBufferMs: () => 30_000,
  endpointsOf: () => ({ openai: origin }),
});
process.stdout.write('ready\n');
await once(process.stdin, 'data');
const { authorization } = await kindOf({ 'oauth-device': kind } as never, account).credential(
  AbortSignal.timeout(100_000),
);
process.stdout.write(`${authorization.slice('Bearer '.length)}\n`);
await transport.close();
process.stdin.destroy();
