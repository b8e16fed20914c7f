import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Account, parseAccount } from '../../src/accounts/account.ts';
import type { AccountSummary, AddAccountInput, AddAccountResult } from '../../src/core/control.ts';
import type { Endpoints } from '../../src/core/upstream.ts';
import type { HostedProxy } from '../../src/core/worker-protocol.ts';
import { createHostedProxy } from '../../src/gateway/hosted-proxy.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { createMemoryLogger } from './accounts.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { createMemorySecrets, type MemorySecrets, testSettings } from './server-proxy.ts';

/** The key of every account that a control test adds. */
export const controlKey = 'sk-secret-canary';

/** A proxy that serves no port, for tests of what a user does with accounts; all on one clock with its upstream. */
export interface ControlFixture {
  readonly simulator: Simulator;
  readonly clock: FakeClock;
  secrets: MemorySecrets;
  readonly proxy: HostedProxy;
  /** Stands in for the plans' own hosts, by plan name; Qwen's hosts are never asked. */
  planEndpoints: (plan: string) => Endpoints;
  /** Stands in for `~/.qwen`. */
  readonly qwenDirectory: string;
  /** A fresh home and a proxy in it. */
  begin(): Promise<void>;
  end(): Promise<void>;
  /** Another proxy in the same home, as after a restart. */
  restart(): Promise<void>;
  close(): Promise<void>;
  /** Adds a `custom` account at the simulator, without a probe unless told. */
  add(changes?: Partial<AddAccountInput>): Promise<AddAccountResult>;
  accounts(): Promise<readonly AccountSummary[]>;
  ids(): Promise<readonly string[]>;
  stored(id: string): Account | undefined;
}

/** A port that nothing listens on. */
const nowhere = (): Endpoints => ({ openai: 'http://127.0.0.1:1/v1' });

export async function startControlFixture(): Promise<ControlFixture> {
  const clock = createFakeClock();
  const simulator = await startSimulator({ now: () => clock.now() });
  let stateDirectory = '';
  let proxy: HostedProxy | undefined;
  const open = (secrets: MemorySecrets) =>
    createHostedProxy({
      settings: testSettings({ QWEN_BASE_URL: simulator.origin }),
      stateDirectory,
      version: '1.2.3',
      mode: 'editor',
      secrets,
      logger: createMemoryLogger(),
      clock,
      planEndpoints: (plan) => (plan.endpoints === undefined ? undefined : fixture.planEndpoints(plan.name)),
      qwenDirectory: join(stateDirectory, 'qwen'),
    });
  const fixture: ControlFixture = {
    simulator,
    clock,
    secrets: createMemorySecrets(),
    get proxy() {
      if (proxy === undefined) throw new Error('begin() first');
      return proxy;
    },
    planEndpoints: nowhere,
    get qwenDirectory() {
      return join(stateDirectory, 'qwen');
    },
    async begin() {
      fixture.planEndpoints = nowhere;
      stateDirectory = await mkdtemp(join(tmpdir(), 'qwen-control-'));
      fixture.secrets = createMemorySecrets();
      proxy = open(fixture.secrets);
    },
    async end() {
      await proxy?.dispose();
      simulator.reset();
      await rm(stateDirectory, { recursive: true, force: true });
    },
    async restart() {
      await proxy?.dispose();
      proxy = open(fixture.secrets);
    },
    close: () => simulator.close(),
    add: (changes) =>
      fixture.proxy.addAccount({
        plan: 'custom',
        key: controlKey,
        baseUrl: simulator.baseUrl,
        probe: false,
        ...changes,
      }),
    accounts: async () => (await fixture.proxy.snapshot()).accounts,
    ids: async () => (await fixture.accounts()).map(({ id }) => id),
    stored: (id) => parseAccount(fixture.secrets.entries.get(`account:${id}`) ?? ''),
  };
  return fixture;
}
