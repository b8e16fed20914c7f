import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { ImportConflict } from '../core/control.ts';
import { messageOf } from '../core/message-of.ts';
import {
  addAccount,
  changeAccount,
  countAccounts,
  groupAccount,
  limitAccount,
  listAccounts,
  printUsage,
  setBillingDay,
  testAccount,
} from './accounts.ts';
import { UsageError } from './environment.ts';
import { findAccount } from './find.ts';
import { version, withProxy } from './host.ts';
import { linkAccount } from './link.ts';
import { login } from './login.ts';
import { exportAccounts, importAccounts } from './portable.ts';
import { serve } from './serve.ts';

/** Exit codes: 0 done, 1 it failed, 2 the call was wrong. */
let exitCode = 0;
const run =
  <Arguments extends unknown[]>(command: (...args: Arguments) => Promise<number>) =>
  async (...args: Arguments) => {
    exitCode = await command(...args);
  };

function amount(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('It must be a whole number above 0.');
  return Number(text);
}

function position(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) < 1)
    throw new InvalidArgumentError('It must be a position, 1 for the first.');
  return Number(text) - 1;
}

const program = new Command('qwen-openai-proxy')
  .description('Your Qwen accounts as local OpenAI- and Anthropic-compatible endpoints. Unofficial.')
  .version(version)
  .configureHelp({ sortSubcommands: false })
  .exitOverride();

program
  .command('serve')
  .description('serve on HOST:PORT; settings come from the environment and .env')
  .action(run(serve));

const accounts = program.command('accounts').description('add, list, test and change accounts');
accounts
  .command('add')
  .description('store an account; the API key is read from stdin')
  .requiredOption('--id <id>', 'name of the account: lower-case letters, digits, "-", "_", "."')
  .option(
    '--plan <plan>',
    'looked for when left out, with your consent; standard-cn, standard-intl, standard-us, standard-hk, workspace, coding-cn, coding-intl, token-cn, token-intl, custom',
  )
  .option('--label <label>', 'name to show')
  .option('--base-url <url>', 'OpenAI base URL ending in /v1 (custom), or the workspace host (workspace)')
  .option('--anthropic-base-url <url>', 'Anthropic base URL (custom)')
  .option('--responses-base-url <url>', 'OpenAI base URL that serves /responses (custom)')
  .option('--yes', 'without --plan: send the key to every host it may belong to, until one takes it')
  .option('--billed', 'without --plan: ask for one token of an answer where nothing free tells')
  .option('--no-probe', 'do not ask the upstream whether the key works')
  .action(run(addAccount));
accounts
  .command('find')
  .description('find the plan of an API key, which is read from stdin; stores nothing')
  .option('--base-url <url>', 'the address the key is for')
  .option('--yes', 'send the key to every host it may belong to, until one takes it')
  .option('--billed', 'ask for one token of an answer where nothing free tells')
  .option('--json', 'for machines')
  .action(run(findAccount));
accounts
  .command('link')
  .description('use the sign-in of qwen-code, which stays in its own file')
  .option('--file <file>', 'its credential file; found in ~/.qwen when left out')
  .option('--id <id>', 'name of the account')
  .action(run(linkAccount));
accounts
  .command('login')
  .description('sign in with the device flow; shows a QR code')
  .option('--id <id>', 'name of the account; that of a signed-in one renews its sign-in')
  .action(run(login));
accounts
  .command('list')
  .description('all accounts and their state')
  .option('--json', 'for machines')
  .action(run(listAccounts));
accounts
  .command('counts')
  .description('requests and tokens since 00:00 UTC')
  .option('--json', 'for machines')
  .action(run(countAccounts));
accounts
  .command('test')
  .argument('<id>')
  .description('ask the upstream whether the account works')
  .option('--billed', 'ask for one token of an answer, which may be charged')
  .action(run((id: string, options: { readonly billed?: boolean }) => testAccount(id, options)));
accounts
  .command('enable')
  .argument('<id>')
  .description('let the account serve')
  .action(run(changeAccount('enabled', (proxy, id) => proxy.setAccountEnabled(id, true))));
accounts
  .command('disable')
  .argument('<id>')
  .description('keep the account, but do not use it')
  .action(run(changeAccount('disabled', (proxy, id) => proxy.setAccountEnabled(id, false))));
accounts
  .command('clear')
  .argument('<id>')
  .description('end its cooldowns and "unauthorized"')
  .action(run(changeAccount('cleared', (proxy, id) => proxy.clearAccount(id))));
accounts
  .command('move')
  .argument('<id>')
  .argument('<position>', '1 = first', position)
  .description('change its place in the order')
  .action(
    run((id: string, index: number) => changeAccount('moved', (proxy, name) => proxy.moveAccount(name, index))(id)),
  );
accounts
  .command('group')
  .argument('<id>')
  .argument('[name]', 'left out: it stands alone')
  .description('say that accounts belong to one main account and share its limits')
  .action(run((id: string, name: string | undefined) => groupAccount(id, name)));
accounts
  .command('limit')
  .argument('<id>')
  .description('count a limit of your own; without a number, the plan’s again')
  .addOption(
    new Option('--window <window>', 'hour = 5 hours, sliding').choices(['hour', 'day', 'week', 'month']).default('day'),
  )
  .option('--requests <number>', 'model calls in the window', amount)
  .option('--tokens <number>', 'tokens in the window', amount)
  .action(run(limitAccount));
accounts
  .command('billing-day')
  .argument('<id>')
  .argument('[day]', 'day of the month, 1 to 31; left out: the day the account was added', amount)
  .description('say when the month of its plan begins anew')
  .action(run((id: string, day: number | undefined) => setBillingDay(id, day)));
accounts
  .command('export')
  .description('all accounts, encrypted under a passphrase (stdin or QWEN_PROXY_PASSPHRASE)')
  .option('--out <file>', 'write a new file (0600) instead of stdout')
  .option('--force', 'replace the file')
  .action(run(exportAccounts));
accounts
  .command('import')
  .argument('<file>')
  .description('add the accounts of an exported file')
  .addOption(
    new Option('--on-conflict <what>', 'when an id is taken').choices(['skip', 'replace', 'rename']).default('skip'),
  )
  .action(run((file: string, options: { readonly onConflict: ImportConflict }) => importAccounts(file, options)));
accounts
  .command('remove')
  .argument('<id>')
  .description('forget the account and its key')
  .action(run(changeAccount('removed', (proxy, id) => proxy.removeAccount(id))));

program
  .command('usage')
  .description('every request of the usage ledger, as CSV on stdout')
  .requiredOption('--csv', 'as CSV')
  .action(run(printUsage));

program
  .command('key')
  .description('print the API key that clients send')
  .action(
    run(async () => {
      process.stdout.write(`${await withProxy((proxy) => proxy.localKey())}\n`);
      return 0;
    }),
  );

program
  .parseAsync()
  .catch((error: unknown) => {
    if (error instanceof CommanderError) exitCode = error.exitCode === 0 ? 0 : 2;
    else {
      process.stderr.write(`${messageOf(error)}\n`);
      exitCode = error instanceof UsageError ? 2 : 1;
    }
  })
  .finally(() => {
    process.exitCode = exitCode;
  });
