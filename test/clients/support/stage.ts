import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { type LedgerEntry, parseLedgerLine } from '../../../src/usage/ledger-entry.ts';
import { type Simulator, startSimulator } from '../../simulator/simulator.ts';
import { clientKey, startProxy, type TestProxy } from '../../support/server-proxy.ts';

/** Where one client runs once: a simulated Qwen, the proxy with two accounts, and folders of its own. */
export interface Stage {
  readonly simulator: Simulator;
  readonly proxy: TestProxy;
  readonly home: string;
  readonly project: string;
  /** The whole environment of a client: nothing of this machine's user, and no way out of the machine. */
  readonly env: Readonly<Record<string, string>>;
  /** Writes a file of the client's configuration, below `home`. */
  configure(path: string, content: string | object): Promise<void>;
  /** Writes a file of the project. */
  put(path: string, content: string): Promise<void>;
  /** Reads a file of the project. */
  read(path: string): Promise<string>;
  /** What the proxy wrote down of each of the client's requests. */
  ledger(): Promise<readonly LedgerEntry[]>;
  close(): Promise<void>;
}

/** The account keys that the simulator knows, in the order of the accounts. */
export const accountKeys = ['sk-first', 'sk-second'] as const;

export async function openStage(): Promise<Stage> {
  const [simulator, wall, root] = await Promise.all([
    startSimulator(),
    startWall(),
    mkdtemp(join(tmpdir(), 'qwen-proxy-client-')),
  ]);
  for (const key of accountKeys) simulator.addKey(key);
  const [first, second] = accountKeys;
  const proxy = await startProxy({ accounts: { first, second }, baseUrl: simulator.baseUrl });
  const [home, project] = [join(root, 'home'), join(root, 'project')];
  await Promise.all([home, project, join(root, 'tmp')].map((folder) => mkdir(folder)));
  const write = async (path: string, content: string) => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  };
  return {
    simulator,
    proxy,
    home,
    project,
    env: { ...privateFolders(root), ...behindWall(wall) },
    configure: (path, content) =>
      write(join(home, path), typeof content === 'string' ? content : JSON.stringify(content, null, 2)),
    put: (path, content) => write(join(project, path), content),
    read: (path) => readFile(join(project, path), 'utf8'),
    async ledger() {
      const folder = join(proxy.stateDirectory, 'usage');
      const files = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')));
      return files.flatMap((text) => text.split('\n').flatMap((line) => parseLedgerLine(line) ?? []));
    },
    async close() {
      await proxy.dispose();
      await simulator.close();
      wall.close();
      await rm(root, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function privateFolders(root: string): Record<string, string> {
  const home = join(root, 'home');
  return {
    PATH: [dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(delimiter),
    HOME: home,
    XDG_CONFIG_HOME: join(home, '.config'),
    XDG_DATA_HOME: join(home, '.local', 'share'),
    XDG_STATE_HOME: join(home, '.local', 'state'),
    XDG_CACHE_HOME: join(home, '.cache'),
    TMPDIR: join(root, 'tmp'),
    LANG: 'C.UTF-8',
    TERM: 'dumb',
    NO_COLOR: '1',
    DO_NOT_TRACK: '1',
    QWEN_LOCAL_KEY: clientKey,
  };
}

/** A proxy that hangs up on everybody. */
async function startWall(): Promise<Server> {
  const wall = createServer((socket) => socket.on('error', () => {}).destroy());
  wall.listen(0, '127.0.0.1');
  await once(wall, 'listening');
  return wall;
}

function behindWall(wall: Server): Record<string, string> {
  const { port } = wall.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const names = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'];
  return {
    ...Object.fromEntries(names.map((name) => [name, url])),
    NO_PROXY: '127.0.0.1,localhost',
    no_proxy: '127.0.0.1,localhost',
  };
}
