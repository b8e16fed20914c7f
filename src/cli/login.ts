import { setTimeout as pause } from 'node:timers/promises';
import { renderUnicodeCompact } from 'uqr';
import { withFix } from '../core/with-fix.ts';
import { withProxy } from './host.ts';
import { asUsage } from './terminal.ts';
import { t } from './translate.ts';

/** The device flow in a terminal: QR code, URL and code, then waiting until it is settled. */
export async function login({ id }: { readonly id?: string }): Promise<number> {
  return withProxy(async (proxy) => {
    const flow = await asUsage(() => proxy.startSignIn(id === undefined ? {} : { id }));
    process.stdout.write(
      `${renderUnicodeCompact(flow.verificationUriComplete, { border: 2 })}\n\n` +
        `${t('Open {0}', flow.verificationUriComplete)}\n${t('and confirm the code {0}. It is valid for {1} minutes.', flow.userCode, Math.round((flow.expiresAtMs - Date.now()) / 60_000))}\n`,
    );
    for (let intervalMs = flow.intervalMs; ; ) {
      await pause(intervalMs);
      const poll = await proxy.pollSignIn(flow.handle);
      if (poll.status === 'pending') {
        intervalMs = poll.intervalMs;
        continue;
      }
      if (poll.status === 'complete') {
        const { account, verdict } = poll;
        process.stdout.write(`${t('signed in as {0}', account.id)}\n`);
        process.stderr.write(`${withFix(verdict)}\n`);
        return verdict.ok ? 0 : 1;
      }
      const reasons = {
        expired: t('The code has expired. Run the command again.'),
        denied: t('The sign-in was refused.'),
      };
      process.stderr.write(`${poll.status === 'failed' ? poll.message : reasons[poll.status]}\n`);
      return 1;
    }
  });
}
