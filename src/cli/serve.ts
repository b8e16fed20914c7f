import { readEnvironment } from './environment.ts';
import { withProxy } from './host.ts';

const drainMs = 5_000;

/**
 * Serves until SIGTERM or SIGINT, then lets open answers run for 5 s at most. The first line of stdout is
 * `listening on http://…`; the example line shows the key on a terminal only.
 */
export async function serve(): Promise<number> {
  const settings = readEnvironment();
  const stopped = new Promise<void>((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
  return withProxy(async (proxy) => {
    const { state, url, problem, accounts } = await proxy.start();
    if (state !== 'serving' || url === undefined) {
      process.stderr.write(`${problem?.message ?? 'The server could not start.'}\n`);
      if (problem?.code === 'port_taken')
        process.stderr.write('Stop that program, or choose another port: PORT=0 takes a free one.\n');
      return 1;
    }
    process.stdout.write(`listening on ${url}\n`);
    const isTerminal = process.stdout.isTTY === true;
    // Off a terminal the key stays out of logs; the line works all the same.
    const key = isTerminal ? await proxy.localKey() : `$("${process.execPath}" "${process.argv[1]}" key)`;
    const authorization = settings.apiKeys === 'off' ? '' : ` -H "Authorization: Bearer ${key}"`;
    const names = accounts.filter((account) => account.enabled).map((account) => account.label);
    process.stdout.write(
      `${names.length === 0 ? 'no account yet: qwen-openai-proxy accounts add --help' : `accounts: ${names.join(', ')}`}\n` +
        `try: curl -N ${url}/v1/chat/completions${authorization} -H 'Content-Type: application/json' ` +
        `-d '{"model":"${settings.defaultModel}","stream":true,"messages":[{"role":"user","content":"Hello"}]}'\n`,
    );
    await stopped;
    await proxy.stop({ drainMs });
    return 0;
  });
}
