import { rotateLocalKey } from '../gateway/main.ts';
import { withProxy } from './host.ts';
import { processTerminal } from './terminal.ts';
import { t } from './translate.ts';
import { UsageError } from './usage-error.ts';

/** `key`, `key show`: the key that clients send. */
export const showKey = (): Promise<number> =>
  withProxy(async (proxy) => {
    processTerminal.out(`${await proxy.localKey()}\n`);
    return 0;
  });

/** `key rotate`: another one; a running server takes it over by itself. */
export const rotateKey = (): Promise<number> =>
  withProxy(async (_proxy, { configuration, secrets }) => {
    if (configuration.settings.apiKeys !== 'generated')
      throw new UsageError(t('API_KEY says what the key is: change it there.'));
    processTerminal.out(`${await rotateLocalKey(secrets)}\n`);
    processTerminal.say(`${t('The old key is refused from now on.')}\n`);
    return 0;
  });
