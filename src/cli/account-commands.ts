import { type Command, Option } from 'commander';
import type { ImportConflict } from '../core/control.ts';
import {
  addAccount,
  changeAccount,
  countAccounts,
  groupAccount,
  limitAccount,
  listAccounts,
  setBillingDay,
  testAccount,
} from './accounts.ts';
import { findAccount } from './find.ts';
import { linkAccount } from './link.ts';
import { login } from './login.ts';
import { exportAccounts, importAccounts } from './portable.ts';
import { amount, position, type Run } from './program.ts';
import { askAccount } from './prompt.ts';
import { t } from './translate.ts';

/** `accounts …` */
export function addAccountCommands(program: Command, run: Run): void {
  const accounts = program.command('accounts').description(t('add, list, test and change accounts'));
  const json = () => new Option('--json', t('for machines'));
  accounts
    .command('add')
    .description(t('store an account; the API key is read from stdin'))
    .requiredOption('--id <id>', t('name of the account: lower-case letters, digits, "-", "_", "."'))
    .option(
      '--plan <plan>',
      t(
        'looked for when left out, with your consent; standard-cn, standard-intl, standard-us, standard-hk, workspace, coding-cn, coding-intl, token-cn, token-intl, custom',
      ),
    )
    .option('--label <label>', t('name to show'))
    .option('--base-url <url>', t('OpenAI base URL ending in /v1 (custom), or the workspace host (workspace)'))
    .option('--anthropic-base-url <url>', t('Anthropic base URL (custom)'))
    .option('--responses-base-url <url>', t('OpenAI base URL that serves /responses (custom)'))
    .option('--yes', t('without --plan: send the key to every host it may belong to, until one takes it'))
    .option('--billed', t('without --plan: ask for one token of an answer where nothing free tells'))
    .option('--no-probe', t('do not ask the upstream whether the key works'))
    .action(run(addAccount));
  accounts
    .command('find')
    .description(t('find the plan of an API key, which is read from stdin; stores nothing'))
    .option('--base-url <url>', t('the address the key is for'))
    .option('--yes', t('send the key to every host it may belong to, until one takes it'))
    .option('--billed', t('ask for one token of an answer where nothing free tells'))
    .addOption(json())
    .action(run(findAccount));
  accounts
    .command('link')
    .description(t('use the sign-in of qwen-code, which stays in its own file'))
    .option('--file <file>', t('its credential file; found in ~/.qwen when left out'))
    .option('--id <id>', t('name of the account'))
    .action(run(linkAccount));
  accounts
    .command('login')
    .description(t('sign in with the device flow; shows a QR code'))
    .argument('[id]', t('name of the account; that of a signed-in one renews its sign-in'))
    .option('--id <id>', t('the same'))
    .action(
      run((id: string | undefined, options: { readonly id?: string }) => login(id === undefined ? options : { id })),
    );
  accounts.command('list').description(t('all accounts and their state')).addOption(json()).action(run(listAccounts));
  accounts
    .command('counts')
    .description(t('requests and tokens since 00:00 UTC'))
    .addOption(json())
    .action(run(countAccounts));
  accounts
    .command('test')
    .argument('<id>')
    .description(t('ask the upstream whether the account works'))
    .option('--billed', t('ask for one token of an answer, which may be charged'))
    .option('--prompt-file <file>', t('send this prompt and print the whole answer, which may be charged'))
    .action(
      run((id: string, options: { readonly billed?: boolean; readonly promptFile?: string }) =>
        options.promptFile === undefined ? testAccount(id, options) : askAccount(id, options.promptFile),
      ),
    );
  accounts
    .command('enable')
    .argument('<id>')
    .description(t('let the account serve'))
    .action(
      run(
        changeAccount(
          (id) => t('enabled {0}', id),
          (proxy, id) => proxy.setAccountEnabled(id, true),
        ),
      ),
    );
  accounts
    .command('disable')
    .argument('<id>')
    .description(t('keep the account, but do not use it'))
    .action(
      run(
        changeAccount(
          (id) => t('disabled {0}', id),
          (proxy, id) => proxy.setAccountEnabled(id, false),
        ),
      ),
    );
  accounts
    .command('clear')
    .argument('<id>')
    .description(t('end its cooldowns and "unauthorized"'))
    .action(
      run(
        changeAccount(
          (id) => t('cleared {0}', id),
          (proxy, id) => proxy.clearAccount(id),
        ),
      ),
    );
  accounts
    .command('move')
    .argument('<id>')
    .argument('<position>', t('1 = first'), position)
    .description(t('change its place in the order'))
    .action(
      run((id: string, index: number) =>
        changeAccount(
          (name) => t('moved {0}', name),
          (proxy, name) => proxy.moveAccount(name, index),
        )(id),
      ),
    );
  accounts
    .command('group')
    .argument('<id>')
    .argument('[name]', t('left out: it stands alone'))
    .description(t('say that accounts belong to one main account and share its limits'))
    .action(run((id: string, name: string | undefined) => groupAccount(id, name)));
  accounts
    .command('limit')
    .argument('<id>')
    .description(t('count a limit of your own; without a number, the plan’s again'))
    .addOption(
      new Option('--window <window>', t('hour = 5 hours, sliding'))
        .choices(['hour', 'day', 'week', 'month'])
        .default('day'),
    )
    .option('--requests <number>', t('model calls in the window'), amount)
    .option('--tokens <number>', t('tokens in the window'), amount)
    .action(run(limitAccount));
  accounts
    .command('billing-day')
    .argument('<id>')
    .argument('[day]', t('day of the month, 1 to 31; left out: the day the account was added'), amount)
    .description(t('say when the month of its plan begins anew'))
    .action(run((id: string, day: number | undefined) => setBillingDay(id, day)));
  accounts
    .command('export')
    .description(t('all accounts, encrypted under a passphrase (stdin or QWEN_PROXY_PASSPHRASE)'))
    .option('--out <file>', t('write a new file (0600) instead of stdout'))
    .option('--force', t('replace the file'))
    .action(run(exportAccounts));
  accounts
    .command('import')
    .argument('<file>')
    .description(t('add the accounts of an exported file'))
    .addOption(
      new Option('--on-conflict <what>', t('when an id is taken'))
        .choices(['skip', 'replace', 'rename'])
        .default('skip'),
    )
    .action(run((file: string, options: { readonly onConflict: ImportConflict }) => importAccounts(file, options)));
  accounts
    .command('remove')
    .argument('<id>')
    .description(t('forget the account and its key'))
    .action(
      run(
        changeAccount(
          (id) => t('removed {0}', id),
          (proxy, id) => proxy.removeAccount(id),
        ),
      ),
    );
}
