import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OpenAI } from 'openai';
import { systemClock } from '../../src/core/clock.ts';
import type { Clock, LogFields, Logger, SecretStore } from '../../src/core/contracts.ts';
import type { ProxySnapshot } from '../../src/core/control.ts';
import { createEmitter } from '../../src/core/emitter.ts';
import { type ProxySettings, parseSettings, type SettingName } from '../../src/core/settings.ts';
import type { HostedProxy } from '../../src/core/worker-protocol.ts';
import { createHostedProxy } from '../../src/gateway/hosted-proxy.ts';
import type { ProxyOptions } from '../../src/gateway/proxy-options.ts';
import { type RawAnswer, type RawRequest, send } from '../simulator/raw-client.ts';

/** The client key of every test server. */
export const clientKey = 'client-key-canary';

/** A secret store that lives as long as its test; `announce` says that somebody else wrote. */
export interface MemorySecrets extends SecretStore {
  readonly entries: Map<string, string>;
  announce(): void;
}

export function createMemorySecrets(): MemorySecrets {
  const entries = new Map<string, string>();
  const changed = createEmitter<void>();
  return {
    entries,
    announce: () => changed.fire(),
    keys: async () => [...entries.keys()],
    get: async (key) => entries.get(key),
    set: async (key, value) => void entries.set(key, value),
    delete: async (key) => void entries.delete(key),
    onDidChange: changed.event,
  };
}

/**
 * Time stands still, and pauses are cut to a part of their length: a retry comes at once, and nothing ever becomes due.
 * No cooldown ends and no upstream counts as silent, however slow the machine is.
 */
export function hurriedPauses(factor: number): Clock {
  const nowMs = Date.now();
  return {
    now: () => nowMs,
    sleep: (ms, signal) => systemClock.sleep(ms / factor, signal),
    after: (ms, call) => systemClock.after(ms / factor, call),
  };
}

/**
 * A clock that runs `factor` times as fast as the machine's, for tests that wait for something to become due. It makes
 * everything else due early too: where only the pauses are too long, take {@link hurriedPauses}.
 */
export function hurriedClock(factor: number): Clock {
  const startMs = Date.now();
  return {
    now: () => startMs + (Date.now() - startMs) * factor,
    sleep: (ms, signal) => systemClock.sleep(ms / factor, signal),
    after: (ms, call) => systemClock.after(ms / factor, call),
  };
}

/** Settings as the environment would give them: loopback, a free port, one client key. */
export function testSettings(raw: Readonly<Partial<Record<SettingName, unknown>>> = {}): ProxySettings {
  const { settings, problems } = parseSettings({ PORT: 0, API_KEY: clientKey, ...raw }, { port: 0 });
  if (problems.length > 0) throw new Error(problems.map((problem) => problem.message).join('\n'));
  return settings;
}

export interface LogLine {
  readonly level: keyof Logger;
  readonly message: string;
  readonly fields: LogFields | undefined;
}

export interface TestProxyOptions extends Partial<Omit<ProxyOptions, 'settings'>> {
  readonly settings?: Readonly<Partial<Record<SettingName, unknown>>>;
  /** `custom` accounts: id → key, all at `baseUrl`; in this order. */
  readonly accounts?: Readonly<Record<string, string>>;
  readonly baseUrl?: string;
  readonly anthropicBaseUrl?: string;
}

/** A proxy on a real port, with everything it was given. */
export interface TestProxy {
  readonly proxy: HostedProxy;
  readonly url: string;
  readonly port: number;
  readonly client: OpenAI;
  readonly secrets: MemorySecrets;
  readonly stateDirectory: string;
  readonly logs: readonly LogLine[];
  readonly snapshots: readonly ProxySnapshot[];
  /** One request over a connection of its own, with the client key. */
  raw(path: string, request?: RawRequest): Promise<RawAnswer>;
  /** A chat request with the client key. */
  chat(fields?: Readonly<Record<string, unknown>>, request?: RawRequest): Promise<RawAnswer>;
  dispose(): Promise<void>;
}

/** Starts a proxy as a host would, on port 0 unless told. */
export async function startProxy(options: TestProxyOptions = {}): Promise<TestProxy> {
  const { settings, accounts = {}, baseUrl, anthropicBaseUrl, ...given } = options;
  const stateDirectory = given.stateDirectory ?? (await mkdtemp(join(tmpdir(), 'qwen-proxy-test-')));
  const secrets = createMemorySecrets();
  const logs: LogLine[] = [];
  const at =
    (level: keyof Logger): Logger['info'] =>
    (message, fields) =>
      void logs.push({ level, message, fields });
  const snapshots: ProxySnapshot[] = [];
  const proxy = createHostedProxy({
    settings: testSettings(settings),
    version: '1.2.3',
    mode: 'headless',
    logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
    secrets,
    onSnapshot: (snapshot) => void snapshots.push(snapshot),
    // A ping opens the answer: on a slow machine it would come where a test asks for a status.
    pingMs: 60 * 60_000,
    ...given,
    stateDirectory,
  });
  for (const [id, key] of Object.entries(accounts))
    await proxy.addAccount({
      id,
      plan: 'custom',
      key,
      ...(baseUrl !== undefined && { baseUrl }),
      ...(anthropicBaseUrl !== undefined && { anthropicBaseUrl }),
      probe: false,
    });
  const { state, url, port, problem } = await proxy.start();
  if (state !== 'serving' || url === undefined) throw new Error(`The proxy did not start: ${problem?.message}`);
  const raw = (path: string, request: RawRequest = {}) =>
    send(url + path, { ...request, headers: { authorization: `Bearer ${clientKey}`, ...request.headers } });
  return {
    proxy,
    url,
    port,
    client: new OpenAI({ baseURL: `${url}/v1`, apiKey: clientKey, maxRetries: 0 }),
    secrets: (given.secrets as MemorySecrets | undefined) ?? secrets,
    stateDirectory,
    logs,
    snapshots,
    raw,
    chat: (fields = {}, request = {}) =>
      raw('/v1/chat/completions', { body: JSON.stringify(chatRequest(fields)), ...request }),
    async dispose() {
      await proxy.dispose();
      if (given.stateDirectory === undefined) await rm(stateDirectory, { recursive: true, force: true });
    },
  };
}

/** A chat body with a default model and message. */
export function chatRequest(fields: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  return { model: 'qwen3-coder-plus', messages: [{ role: 'user', content: 'hello' }], ...fields };
}

/** The text that a stream's deltas add up to. */
export function textOfEvents(answer: Pick<RawAnswer, 'events'>): string {
  return answer.events
    .flatMap((event) => (Array.isArray(event.choices) ? event.choices : []))
    .map((choice: { delta?: { content?: unknown } }) => choice.delta?.content)
    .filter((content) => typeof content === 'string')
    .join('');
}
