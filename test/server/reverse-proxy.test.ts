import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { debianProgram } from '../../scripts/debian-program.mjs';
import { type RawRequest, send } from '../simulator/raw-client.ts';
import { findFreePort } from '../support/free-port.ts';
import { chatRequest, clientKey, startProxy, type TestProxy, textOfEvents } from '../support/server-proxy.ts';
import { useSimulator } from '../support/use-simulator.ts';

const name = 'qwen.example.com';

describe('server: behind nginx, as docs/ops/nginx.conf has it', () => {
  const simulator = useSimulator({ keys: ['sk-one'] });
  let server: TestProxy;
  let nginx: ChildProcess;
  let folder: string;
  let url: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qwen-proxy-nginx-'));
    server = await startProxy({
      accounts: { one: 'sk-one' },
      baseUrl: simulator.baseUrl,
      settings: { ALLOWED_HOSTS: name, ADMIN_KEY: 'admin' },
    });
    const port = await findFreePort();
    url = `http://127.0.0.1:${port}`;
    const documented = await readFile(join(import.meta.dirname, '..', '..', 'docs', 'ops', 'nginx.conf'), 'utf8');
    const site = documented
      .replace('127.0.0.1:8080', `127.0.0.1:${server.port}`)
      .replace('listen 443 ssl;', `listen 127.0.0.1:${port};`)
      .replace(/^ *ssl_certificate.*\n/gm, '');
    assert.notEqual(site, documented);
    const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder};`);
    await writeFile(
      join(folder, 'nginx.conf'),
      `daemon off; master_process off; pid ${folder}/pid; error_log stderr notice;
events {} http { access_log off; ${folders.join(' ')}\n${site}}\n`,
    );
    const program = await debianProgram({ name: 'nginx', package: 'nginx', path: 'usr/sbin/nginx' });
    nginx = spawn(program, ['-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')]);
    let said = '';
    nginx.stderr?.setEncoding('utf8').on('data', (part) => {
      said += part;
    });
    const ended = once(nginx, 'exit').then(() => {
      throw new Error(said);
    });
    ended.catch(() => {});
    for (;;) {
      const answer = await send(`${url}/health`, { method: 'GET', headers: { host: name } }).catch(() => undefined);
      if (answer?.status === 200) break;
      await Promise.race([ended, new Promise((resolve) => setImmediate(resolve))]);
    }
  });
  after(async () => {
    if (nginx.exitCode === null) {
      nginx.kill('SIGKILL');
      await once(nginx, 'exit');
    }
    await server.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  const ask = (fields: Readonly<Record<string, unknown>>, { headers, ...more }: RawRequest = {}) =>
    send(`${url}/v1/chat/completions`, {
      headers: { host: name, authorization: `Bearer ${clientKey}`, ...headers },
      body: JSON.stringify(chatRequest(fields)),
      ...more,
    });

  it('a stream arrives as it comes, and who leaves is noticed upstream', async () => {
    // The second word never comes: only an unbuffered way shows the first one.
    simulator.script({ answer: { text: ['first', 'second'] } });
    simulator.fail({ fault: { kind: 'stall', afterChunks: 2 } });
    const leave = new AbortController();
    const seen = new Promise<string>((resolve, reject) => {
      let text = '';
      ask(
        { stream: true },
        {
          signal: leave.signal,
          onRead(part) {
            text += part;
            if (text.includes('first')) resolve(text);
          },
        },
      ).then(({ text: whole }) => reject(new Error(whole)), reject);
    });
    assert.ok(!(await seen).includes('second'));
    assert.equal(simulator.openStreams, 1);
    leave.abort();
    await simulator.until(() => simulator.openStreams === 0);
  });
  it('streams and documents come whole', async () => {
    assert.equal(textOfEvents(await ask({ stream: true })), 'Echo: hello');
    assert.equal((await ask({})).status, 200);
  });
  it('a large body gets through', async () => {
    const { status, headers } = await ask({ messages: [], metadata: { padding: 'x'.repeat(8 * 1024 * 1024) } });
    assert.notEqual(status, 413);
    assert.ok(headers['x-request-id'], 'the answer is the proxy’s');
  });
  it('a Host that the proxy does not know is refused', async () => {
    assert.equal((await ask({}, { headers: { host: 'evil.example.com' } })).status, 403);
  });
  it('metrics and the windows’ routes stay inside', async () => {
    for (const path of ['/metrics', '/internal/identity']) {
      const headers = { host: name, authorization: 'Bearer admin' };
      assert.equal((await send(url + path, { method: 'GET', headers })).status, 404, path);
    }
    const inside = await server.raw('/metrics', { method: 'GET', headers: { authorization: 'Bearer admin' } });
    assert.equal(inside.status, 200);
  });
});
