import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Gauge, Histogram, Registry } from 'prom-client';
import type { AccountSummary, ProxySnapshot } from '../core/control.ts';
import type { TeamStatus } from '../core/team.ts';
import { createLabelBound } from './label-bound.ts';
import { countIn, seriesOf } from './metric-series.ts';
import type { Ending, TracedRequest } from './trace.ts';

/** Seconds: first words come within moments or, with long prompts, within minutes. */
const ttftBuckets = [0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120];
const durationBuckets = [0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1200];
/** However many models clients name, so many have series of their own; the rest is `other`. */
const maximumModels = 50;
const maximumAccounts = 200;

export interface MetricsOptions {
  readonly version: string;
  readonly mode: 'editor' | 'headless';
  readonly accounts: () => readonly AccountSummary[];
  readonly state: () => ProxySnapshot['state'];
  /** How the store of a team stands. */
  readonly team?: (() => TeamStatus) | undefined;
}

/** What `GET /metrics` answers with. */
export interface MetricsText {
  readonly contentType: string;
  readonly text: string;
}

/** Counters in a registry of their own; what stands still is read when somebody asks. */
export interface Metrics {
  /** Hook of the gateway. */
  note(traced: TracedRequest, ending?: Ending): void;
  /** A request that the proxy refused before any account was asked. */
  refused(code: string): void;
  text(): Promise<MetricsText>;
}

export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const modelLabel = createLabelBound(maximumModels);
  const accountLabel = createLabelBound(maximumAccounts);
  const counter = (name: string, help: string, labelNames: readonly string[]) =>
    countIn(registry, { name: `qwen_proxy_${name}`, help, labelNames });
  const histogram = (name: string, help: string, buckets: number[]) => {
    const labelNames = ['dialect', 'lane'] as const;
    const metric = new Histogram({ name: `qwen_proxy_${name}`, help, labelNames, buckets, registers });
    return seriesOf((dialect, lane) => metric.labels({ dialect, lane }));
  };

  const requests = counter('requests_total', 'Client requests that are over, by what they were answered with.', [
    'dialect',
    'lane',
    'model',
    'status',
    'account',
  ]);
  const outcomes = counter('outcomes_total', 'Client requests that are over, by how they ended.', ['outcome', 'error']);
  const attempts = counter('attempts_total', 'Tries on an account; the reason is "answered" or an error code.', [
    'reason',
  ]);
  const rotations = counter('rotations_total', 'Requests that went on to another account, by why.', ['reason']);
  const refusals = counter('refusals_total', 'Requests refused before any account was asked, by error code.', ['code']);
  const tokens = counter(
    'tokens_total',
    'Tokens of answers; cached and written to the cache are part of input, reasoning of output.',
    ['kind', 'model', 'account'],
  );
  const keyRequests = counter('key_requests_total', 'Requests of named client keys that are over.', ['key', 'outcome']);
  const ttft = histogram('ttft_seconds', 'From the request to the beginning of its answer.', ttftBuckets);
  const duration = histogram('request_duration_seconds', 'From the request to the end of its answer.', durationBuckets);
  const open = { stream: 0, json: 0 };
  new Gauge({
    name: 'qwen_proxy_open_requests',
    help: 'Client requests under way.',
    labelNames: ['kind'],
    registers,
    collect() {
      for (const [kind, count] of Object.entries(open)) this.set({ kind }, count);
    },
  });
  let accounts: readonly AccountSummary[] = [];
  addReadings(registry, { ...options, accounts: () => accounts });

  return {
    note({ dialect, request, exchange, trace }, ending) {
      const kind = request.stream ? 'stream' : 'json';
      // The first step of a request is told before any account is tried.
      if (ending === undefined) {
        if (trace.attempts.length === 0) open[kind] += 1;
        return;
      }
      open[kind] -= 1;
      const { lease, lane = 'none', startedMs, firstOutputMs } = trace;
      const hasAnswer = firstOutputMs !== undefined;
      // What clients write is no label before an upstream has taken it for a model.
      const model = lease === undefined ? 'none' : modelLabel(lease.model, hasAnswer);
      const account = lease === undefined ? 'none' : accountLabel(lease.account.id, true);
      requests([dialect.id, lane, model, String(ending.status), account]);
      outcomes([ending.outcome, ending.error ?? 'none']);
      if (exchange.clientKey !== undefined) keyRequests([exchange.clientKey, ending.outcome]);
      trace.attempts.forEach((attempt, index) => {
        attempts([attempt.error ?? 'answered']);
        const next = trace.attempts[index + 1];
        if (next !== undefined && next.account !== attempt.account) rotations([attempt.error ?? 'answered']);
      });
      const endedMs = trace.endedMs ?? startedMs;
      duration(dialect.id, lane).observe((endedMs - startedMs) / 1000);
      if (hasAnswer) ttft(dialect.id, lane).observe((firstOutputMs - startedMs) / 1000);
      if (ending.usage === undefined) return;
      const { inputTokens, outputTokens, cachedTokens, cacheWriteTokens = 0, reasoningTokens } = ending.usage;
      const spent = (what: string, count: number) => {
        if (count > 0) tokens([what, model, account], count);
      };
      spent('input', inputTokens);
      spent('output', outputTokens);
      spent('cached', cachedTokens);
      spent('cache_write', cacheWriteTokens);
      spent('reasoning', reasoningTokens);
    },
    refused: (code) => refusals([code]),
    async text() {
      // Once a scrape: every quota window is counted for it.
      accounts = options.accounts();
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
  };
}

/** Gauges that are read when asked for: they cost nothing between two scrapes. */
function addReadings(registry: Registry, { version, mode, accounts, state, team }: MetricsOptions): void {
  const registers = [registry];
  if (team) addTeamReadings(registers, team);
  new Gauge({
    name: 'qwen_proxy_build_info',
    help: 'Always 1; the labels say what runs.',
    labelNames: ['version', 'mode', 'node'],
    registers,
  }).set({ version, mode, node: process.versions.node }, 1);
  new Gauge({
    name: 'qwen_proxy_start_time_seconds',
    help: 'When this process began, in seconds since the epoch.',
    registers,
  }).set(Math.round(Date.now() / 1000 - process.uptime()));
  new Gauge({
    name: 'qwen_proxy_serving',
    help: '1 while the port is served.',
    registers,
    collect() {
      this.set(state() === 'serving' ? 1 : 0);
    },
  });
  new Gauge({
    name: 'qwen_proxy_resident_memory_bytes',
    help: 'Resident memory of the process.',
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  new Gauge({
    name: 'qwen_proxy_account_state',
    help: '1 for the state that an account is in.',
    labelNames: ['account', 'state'],
    registers,
    collect() {
      this.reset();
      for (const account of accounts()) this.set({ account: account.id, state: account.state }, 1);
    },
  });
  for (const [name, help, read] of windowReadings)
    new Gauge({
      name: `qwen_proxy_window_${name}`,
      help,
      labelNames: ['account', 'window'],
      registers,
      collect() {
        this.reset();
        for (const account of accounts())
          for (const window of account.windows) {
            const value = read(window);
            if (value !== undefined) this.set({ account: account.id, window: window.name }, value);
          }
      },
    });
  let delay: ReturnType<typeof monitorEventLoopDelay> | undefined;
  new Gauge({
    name: 'qwen_proxy_event_loop_lag_seconds',
    help: 'How late the event loop was since the last scrape; measured from the first one on.',
    labelNames: ['statistic'],
    registers,
    collect() {
      // A timer of its own, and so only where somebody looks.
      delay ??= monitorEventLoopDelay({ resolution: 20 });
      delay.enable();
      const { count } = delay;
      for (const [statistic, nanoseconds] of [
        ['mean', delay.mean],
        ['p99', delay.percentile(99)],
        ['max', delay.max],
      ] as const)
        this.set({ statistic }, count === 0 ? 0 : nanoseconds / 1e9);
      delay.reset();
    },
  });
}

type WindowReading = (window: AccountSummary['windows'][number]) => number | undefined;

const windowReadings: readonly (readonly [string, string, WindowReading])[] = [
  ['used_requests', 'Model calls counted in the quota window.', ({ usedRequests }) => usedRequests],
  ['used_tokens', 'Tokens counted in the quota window.', ({ usedTokens }) => usedTokens],
  ['left_ratio', 'What remains of the quota window, 0 to 1; absent without a known limit.', ({ left }) => left],
  ['reset_timestamp_seconds', 'When the quota window starts anew.', ({ resetsMs }) => resetsMs / 1000],
];

function addTeamReadings(registers: Registry[], team: () => TeamStatus): void {
  new Gauge({
    name: 'qwen_proxy_team_store_up',
    help: '1 while the Redis of the team can be reached.',
    registers,
    collect() {
      this.set(team().store === 'connected' ? 1 : 0);
    },
  });
  new Gauge({
    name: 'qwen_proxy_team_unsent_changes',
    help: 'Changes of this replica that the Redis of the team does not have yet.',
    registers,
    collect() {
      this.set(team().unsent);
    },
  });
}
