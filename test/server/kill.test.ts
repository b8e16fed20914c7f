import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { launchCli } from '../support/launch-cli.ts';
import { type Bundles, buildBundles } from '../support/server-bundle.ts';

const requests = 1_000;
const atOnce = 16;

describe('kill -9 of the headless server during 1,000 requests', () => {
  let bundles: Bundles;
  let simulator: Simulator;
  let home: string;
  let server: ChildProcess | undefined;

  before(async () => {
    [bundles, simulator] = await Promise.all([buildBundles(), startSimulator({ keepRequests: requests * 2 })]);
    simulator.addKey('sk-one');
    home = await mkdtemp(join(tmpdir(), 'qwen-proxy-kill-'));
  });
  after(async () => {
    server?.kill('SIGKILL');
    await simulator.close();
    await bundles.remove();
    await rm(home, { recursive: true, force: true });
  });

  const run = async (args: readonly string[], input = ''): Promise<string> => {
    const { code, out, err } = await launchCli(bundles.cli, args, { home, input }).ended;
    assert.equal(code, 0, err);
    return out;
  };
  const serve = async (): Promise<{ child: ChildProcess; port: number }> => {
    const { child, output } = launchCli(bundles.cli, ['serve'], { home, env: { PORT: '0', API_KEY: 'k' } });
    server = child;
    while (!output.out.includes('\n')) {
      if (child.exitCode !== null) throw new Error(output.err);
      await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
    }
    return { child, port: Number(/:(\d+)$/m.exec(output.out.split('\n')[0] ?? '')?.[1]) };
  };
  /** Whether the client got the whole answer, its `[DONE]` included. */
  const ask = (port: number, agent: Agent): Promise<boolean> =>
    new Promise((resolve) => {
      const call = request(
        {
          port,
          host: '127.0.0.1',
          method: 'POST',
          path: '/v1/chat/completions',
          agent,
          headers: { authorization: 'Bearer k', 'content-type': 'application/json' },
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (part) => {
            text += part;
          });
          response.on('error', () => resolve(false));
          response.on('close', () => resolve(response.statusCode === 200 && text.includes('[DONE]')));
        },
      );
      call.on('error', () => resolve(false));
      call.end(
        JSON.stringify({ model: 'qwen3-coder-plus', stream: true, messages: [{ role: 'user', content: 'hello' }] }),
      );
    });
  /** Lines of the ledger that say a request was answered, and those torn by the kill. */
  const readLedger = async () => {
    const folder = join(home, 'state', 'usage');
    const lines = (
      await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')))
    ).flatMap((text) => text.split('\n').filter((line) => line !== ''));
    const parsed = lines.map((line) => {
      try {
        return JSON.parse(line);
      } catch {
        return undefined;
      }
    });
    return {
      answered: parsed.filter((entry) => entry?.outcome === 'answered').length,
      torn: parsed.filter((entry) => entry === undefined).length,
    };
  };

  it('loses no count: what clients saw answered is in the ledger, and what is in the ledger was answered upstream', async () => {
    await run(
      ['accounts', 'add', '--id', 'one', '--plan', 'custom', '--base-url', simulator.baseUrl, '--no-probe'],
      'sk-one\n',
    );
    const { child, port } = await serve();
    const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
    let seen = 0;
    let begun = 0;
    const worker = async () => {
      while (begun < requests) {
        begun++;
        if (await ask(port, agent)) seen++;
        if (seen === requests / 2) child.kill('SIGKILL');
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    agent.destroy();
    await simulator.until(() => simulator.openStreams === 0);

    const { answered, torn } = await readLedger();
    const upstream = simulator.answered('sk-one');
    // The line is written before the client's last bytes: everything a client saw is there. What is there beyond that was
    // in flight when the process died, at most one request a connection.
    assert.ok(seen >= requests / 2, `${seen} answered before the kill`);
    assert.ok(answered >= seen && answered <= seen + atOnce, `${answered} in the ledger, ${seen} seen by clients`);
    assert.ok(
      upstream >= answered && upstream <= answered + atOnce,
      `${upstream} answered upstream, ${answered} in the ledger`,
    );
    assert.ok(torn <= 1, `${torn} torn lines`);

    const counts: { requestsToday: number }[] = JSON.parse(await run(['accounts', 'counts', '--json']));
    assert.equal(counts[0]?.requestsToday, answered);

    // And it goes on counting from there.
    const again = await serve();
    const fresh = new Agent({ keepAlive: true });
    for (let number = 0; number < 10; number++) assert.equal(await ask(again.port, fresh), true);
    fresh.destroy();
    again.child.kill('SIGTERM');
    await once(again.child, 'exit');
    const after: { requestsToday: number }[] = JSON.parse(await run(['accounts', 'counts', '--json']));
    assert.equal(after[0]?.requestsToday, answered + 10);
  });
});
