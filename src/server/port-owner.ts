import { readdir, readFile, readlink } from 'node:fs/promises';
import { request } from 'node:http';
import { isJsonObject, numberField, parseJson, stringField } from '../core/json.ts';

/**
 * Who holds a port of this machine, in words for a person: one of ours by its own answer, else the process where the
 * system tells it (Linux), else what its HTTP answer says.
 */
export async function describePortOwner(host: string, port: number): Promise<string> {
  const health = await fetchHealth(host, port);
  const body = isJsonObject(health.body) ? health.body : {};
  if (stringField(body, 'name') === 'qwen-proxy') {
    const where = stringField(body, 'mode') === 'headless' ? 'headless' : 'in another editor window';
    return `Qwen Proxy ${where}, pid ${numberField(body, 'pid') ?? 'unknown'}`;
  }
  const process = await linuxProcess(port);
  if (process !== undefined) return process;
  return health.server === undefined ? 'another program' : `another program (${health.server})`;
}

function fetchHealth(host: string, port: number): Promise<{ body?: unknown; server?: string }> {
  return new Promise((resolve) => {
    // Bound to every address, the owner answers on this one.
    const address = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host.replace(/^\[|\]$/g, '');
    const probe = request({ host: address, port, path: '/health', timeout: 1_000, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
        if (text.length > 10_000) response.destroy();
      });
      response.on('error', () => {});
      response.on('close', () => {
        const { server } = response.headers;
        resolve({ body: parseJson(text), ...(typeof server === 'string' && { server: server.slice(0, 60) }) });
      });
    });
    probe.on('timeout', () => probe.destroy());
    probe.on('error', () => resolve({}));
    probe.end();
  });
}

/** `node (pid 4711)`, found through the socket's inode; other systems have no such files. */
async function linuxProcess(port: number): Promise<string | undefined> {
  try {
    const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
    const tables = await Promise.all(
      ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => readFile(path, 'utf8').catch(() => '')),
    );
    const inode = tables
      .flatMap((table) => table.split('\n'))
      .map((line) => line.trim().split(/\s+/))
      // State 0A is LISTEN.
      .find((fields) => fields[1]?.endsWith(wanted) && fields[3] === '0A')?.[9];
    if (inode === undefined) return undefined;
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
      for (const descriptor of descriptors) {
        const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '');
        if (target === `socket:[${inode}]`)
          return `${(await readFile(`/proc/${pid}/comm`, 'utf8')).trim()} (pid ${pid})`;
      }
    }
  } catch {
    // No /proc, or not ours to read: the caller has another answer.
  }
  return undefined;
}
