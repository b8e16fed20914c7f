import { type Command, Option } from 'commander';
import { examine } from './doctor.ts';
import { rotateKey, showKey } from './key.ts';
import { addKey, listKeys, revokeKey } from './keys.ts';
import { amount, type Run } from './program.ts';
import { serve } from './serve.ts';
import { t } from './translate.ts';
import { printUsage } from './usage.ts';

/** `serve`; it stands first in the help. */
export function addServeCommand(program: Command, run: Run): void {
  program
    .command('serve')
    .description(t('serve on HOST:PORT; settings come from the environment, .env and --config'))
    .option('--check', t('check the configuration and serve nothing'))
    .action(run(serve));
}

/** `usage`, `key`, `keys`, `doctor`. */
export function addServiceCommands(program: Command, run: Run): void {
  const json = () => new Option('--json', t('for machines'));
  program
    .command('usage')
    .description(t('what was used, by day (UTC), account, model or client key'))
    .option('--days <number>', t('how many days, today included'), amount, 7)
    .option('--by <names>', t('day, account, model, key; separated by commas'), 'day,account,model')
    .addOption(json())
    .option('--csv', t('every request of the whole ledger, as CSV'))
    .action(run(printUsage));

  const key = program.command('key').description(t('the API key that clients send'));
  key.command('show', { isDefault: true }).description(t('print it')).action(run(showKey));
  key.command('rotate').description(t('make another one; the old one is refused')).action(run(rotateKey));

  const keys = program.command('keys').description(t('client keys with names and limits of their own'));
  keys
    .command('add')
    .argument('<name>')
    .description(t('make a key and print it, once'))
    .option('--requests-per-minute <number>', t('requests that may begin in a minute'), amount)
    .option('--tokens-per-day <number>', t('input and output tokens a day (UTC)'), amount)
    .option('--concurrent <number>', t('requests under way at once'), amount)
    .option('--models <names>', t('models it may ask for, separated by commas; qwen3-* for all that begin so'))
    .action(
      run(
        (
          name: string,
          options: { requestsPerMinute?: number; tokensPerDay?: number; concurrent?: number; models?: string },
        ) => {
          const { concurrent, models, ...limits } = options;
          const names = models?.split(',').map((model) => model.trim());
          return addKey(name, {
            ...limits,
            ...(concurrent !== undefined && { concurrentRequests: concurrent }),
            ...(names && { models: names.filter((model) => model !== '') }),
          });
        },
      ),
    );
  keys.command('list').description(t('names, limits and use')).addOption(json()).action(run(listKeys));
  keys
    .command('revoke')
    .argument('<name>')
    .description(t('refuse the key from now on, also where a server runs'))
    .action(run(revokeKey));

  program
    .command('doctor')
    .description(t('look for what stands in the way: configuration, files, port, accounts'))
    .option('--offline', t('ask no upstream'))
    .addOption(json())
    .action(run(examine));
}
