import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { SecretStore } from '../core/contracts.ts';
import { isJsonObject, objectField, objectItems, parseJson, stringField } from '../core/json.ts';
import { withProxy } from './host.ts';
import { processTerminal } from './terminal.ts';
import { t } from './translate.ts';
import { UsageError } from './usage-error.ts';

/**
 * `accounts test ID --prompt-file F`: a whole answer from this account, the way that every request goes, over a port that
 * nobody else knows. It is counted, and may be billed.
 */
export async function askAccount(id: string, file: string): Promise<number> {
  const prompt = await readFile(file, 'utf8').catch(() => {
    throw new UsageError(t('{0} cannot be read.', file));
  });
  const key = randomUUID();
  return withProxy(
    async (proxy, { configuration }) => {
      const { accounts } = await proxy.snapshot();
      if (!accounts.some((account) => account.id === id)) throw new UsageError(t('There is no account {0}.', id));
      const { url, problem } = await proxy.start();
      if (url === undefined) throw new Error(problem?.message ?? t('The server could not start.'));
      const response = await fetch(`${url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          model: configuration.settings.defaultModel,
          stream: false,
          messages: [{ role: 'user', content: prompt }],
        }),
      });
      const answer = parseJson(await response.text());
      await proxy.stop();
      if (!isJsonObject(answer)) throw new Error(t('The answer cannot be read.'));
      const message = objectField(objectItems(answer, 'choices')[0] ?? {}, 'message');
      const text = message && stringField(message, 'content');
      if (!response.ok || message === undefined) {
        const error = objectField(answer, 'error') ?? {};
        processTerminal.say(`${stringField(error, 'message') ?? t('The answer cannot be read.')}\n`);
        return 1;
      }
      processTerminal.out(`${text ?? ''}\n`);
      return 0;
    },
    {
      // The tests of one account meet no other, and no server that runs already.
      changeSecrets: (secrets) => onlyAccount(secrets, id),
      change: (configuration) => ({
        ...configuration,
        settings: { ...configuration.settings, host: '127.0.0.1', port: 0, apiKeys: [key], adminKey: undefined },
      }),
    },
  );
}

function onlyAccount(secrets: SecretStore, id: string): SecretStore {
  return {
    ...secrets,
    keys: async () => (await secrets.keys()).filter((key) => !key.startsWith('account:') || key === `account:${id}`),
  };
}
