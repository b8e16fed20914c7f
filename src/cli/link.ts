import { withFix } from '../core/with-fix.ts';
import { withProxy } from './host.ts';
import { asUsage, processTerminal } from './terminal.ts';

/** `accounts link`: an account whose tokens stay in qwen-code's own file. */
export async function linkAccount(options: { readonly file?: string; readonly id?: string }): Promise<number> {
  return withProxy(async (proxy) => {
    const { account, verdict } = await asUsage(() => proxy.linkAccount(options));
    processTerminal.out(`linked ${account.id} to ${account.linkedFile}\n`);
    if (verdict) processTerminal.say(`${withFix(verdict)}\n`);
    return 0;
  });
}
