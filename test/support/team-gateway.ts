import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectedTeam, connectTeam } from '../../src/team/main.ts';
import { type Simulator, type SimulatorOptions, startSimulator } from '../simulator/simulator.ts';
import { createMemoryLogger } from './accounts.ts';
import { findFreePort } from './free-port.ts';
import { type CliRun, type LaunchedCli, launchCli } from './launch-cli.ts';
import { type RedisServer, startRedis } from './redis-server.ts';
import { type Front, startFront } from './round-robin-front.ts';
import { type Bundles, buildBundles } from './server-bundle.ts';

const clientKey = 'team-key';

/** One headless server of the team, with a home of its own. */
export interface Replica {
  readonly port: number;
  readonly home: string;
  running: LaunchedCli | undefined;
}

/** Headless replicas on one Redis before a simulated Qwen, behind a round-robin front. */
export interface TeamGateway {
  readonly simulator: Simulator;
  readonly redis: RedisServer;
  readonly replicas: readonly Replica[];
  readonly front: Front;
  /** Another member, in this process: what every replica knows, it hears too. */
  readonly observer: ConnectedTeam;
  start(replica: Replica): Promise<void>;
  /** `kill -9`. */
  kill(replica: Replica): Promise<void>;
  /** Runs a command as an operator on a machine of their own. */
  run(
    args: readonly string[],
    options?: { readonly input?: string; readonly env?: Readonly<Record<string, string>> },
  ): Promise<CliRun>;
  /** One streamed chat; the status, or 0 where the answer broke off. */
  ask(port: number, content?: string, model?: string, key?: string): Promise<number>;
  /** `count` chats through the front, `atOnce` at a time; how many were answered with each status. */
  load(
    count: number,
    atOnce: number,
    onAnswer?: (done: number) => void,
    key?: string,
  ): Promise<ReadonlyMap<number, number>>;
  health(
    replica: Replica,
  ): Promise<{ readonly status: string; readonly team: { readonly store: string; readonly unsent: number } }>;
  /** Requests that the replicas' ledgers say were answered. */
  ledgerAnswered(): Promise<number>;
  dispose(): Promise<void>;
}

export async function startTeamGateway(
  count: number,
  { env = {}, ...options }: { readonly env?: Readonly<Record<string, string>> } & SimulatorOptions = {},
): Promise<TeamGateway> {
  const [bundles, simulator, redis, directory]: [Bundles, Simulator, RedisServer, string] = await Promise.all([
    buildBundles(),
    startSimulator(options),
    startRedis(),
    mkdtemp(join(tmpdir(), 'qwen-proxy-team-')),
  ]);
  const stateKey = randomBytes(32);
  const shared = {
    REDIS_URL: redis.url,
    QWEN_PROXY_STATE_KEY: stateKey.toString('base64'),
    QWEN_BASE_URL: simulator.origin,
    API_KEY: clientKey,
    ...env,
  };
  const home = async (name: string) => {
    const path = join(directory, name);
    await mkdir(path);
    return path;
  };
  const operator = await home('operator');
  const replicas: Replica[] = [];
  for (let number = 0; number < count; number++)
    replicas.push({ port: await findFreePort(), home: await home(`replica-${number}`), running: undefined });
  const agent = new Agent({ keepAlive: true });

  const start = async (replica: Replica): Promise<void> => {
    const running = launchCli(bundles.cli, ['serve'], {
      home: replica.home,
      env: { ...shared, PORT: String(replica.port) },
    });
    replica.running = running;
    const { child, output } = running;
    while (!output.out.includes('listening on')) {
      if (child.exitCode !== null) throw new Error(output.err);
      await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
    }
  };
  const kill = async (replica: Replica): Promise<void> => {
    replica.running?.child.kill('SIGKILL');
    await replica.running?.ended;
    replica.running = undefined;
  };
  const ask = (port: number, content = 'hello', model = 'qwen3-coder-plus', key = clientKey): Promise<number> =>
    new Promise((resolve) => {
      const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
      const call = request(
        { port, host: '127.0.0.1', method: 'POST', path: '/v1/chat/completions', agent, headers },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (part) => {
            text += part;
          });
          response.on('error', () => resolve(0));
          response.on('close', () =>
            resolve(response.statusCode !== 200 || text.includes('[DONE]') ? (response.statusCode ?? 0) : 0),
          );
        },
      );
      call.on('error', () => resolve(0));
      call.end(JSON.stringify({ model, stream: true, messages: [{ role: 'user', content }] }));
    });

  for (const replica of replicas) await start(replica);
  const front = await startFront(() => replicas.map(({ port }) => port));
  const observer = await connectTeam({
    url: redis.url,
    prefix: 'qwen-proxy:',
    stateKey,
    replica: 'observer',
    allowsSingleUserPlans: false,
    logger: createMemoryLogger(),
  });

  return {
    simulator,
    redis,
    replicas,
    front,
    observer,
    start,
    kill,
    run: (args, { input = '', env: more } = {}) =>
      launchCli(bundles.cli, args, { home: operator, input, env: { ...shared, ...more } }).ended,
    ask,
    async load(total, atOnce, onAnswer, key) {
      const statuses = new Map<number, number>();
      let begun = 0;
      let done = 0;
      const worker = async () => {
        while (begun < total) {
          const status = await ask(front.port, `conversation ${begun++}`, undefined, key);
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
          onAnswer?.(++done);
        }
      };
      await Promise.all(Array.from({ length: atOnce }, worker));
      return statuses;
    },
    health: async ({ port }) =>
      new Promise((resolve, reject) => {
        request({ port, host: '127.0.0.1', path: '/health', agent }, async (response) =>
          resolve(JSON.parse((await response.toArray()).join(''))),
        )
          .on('error', reject)
          .end();
      }),
    async ledgerAnswered() {
      const folders = replicas.map((replica) => join(replica.home, 'state', 'usage'));
      const texts = await Promise.all(
        folders.map(async (folder) => {
          const names = await readdir(folder).catch(() => []);
          return Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
        }),
      );
      return texts.flat().join('').split('"outcome":"answered"').length - 1;
    },
    async dispose() {
      agent.destroy();
      front.close();
      await observer.close().catch(() => {});
      for (const replica of replicas) await kill(replica);
      await simulator.close();
      await redis.dispose();
      await bundles.remove();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** What the team has answered, per account, by the counters that a member hears and reads. */
export async function countedByTeam({
  counters,
}: Pick<ConnectedTeam, 'counters'>): Promise<ReadonlyMap<string, number>> {
  const sums = new Map<string, number>();
  for (const { fields } of await counters.load())
    for (const [name, text] of Object.entries(fields)) {
      const [mark, account = ''] = name.split(' ');
      if (mark === 'd') sums.set(account, (sums.get(account) ?? 0) + Number(text.split(' ')[0]));
    }
  return sums;
}
