import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { debianProgram } from '../../scripts/debian-program.mjs';
import type { NamedClientKey } from '../../src/core/client-key.ts';
import type { Team } from '../../src/core/team.ts';
import { createMemoryHub } from '../support/memory-team.ts';
import { startProxy, type TestProxy } from '../support/server-proxy.ts';
import { useSimulator } from '../support/use-simulator.ts';

const operations = join(import.meta.dirname, '..', '..', 'docs', 'ops');
const fixtures = join(import.meta.dirname, '..', 'fixtures');
const get = { method: 'GET' };

describe('server: metrics', () => {
  const simulator = useSimulator({ keys: ['sk-one', 'sk-two'] });
  let server: TestProxy | undefined;
  const start = async (
    settings: Readonly<Record<string, unknown>> = {},
    team?: Team,
    namedKeys: readonly NamedClientKey[] = [],
  ) => {
    server = await startProxy({
      accounts: { one: 'sk-one', two: 'sk-two' },
      baseUrl: simulator.baseUrl,
      settings,
      ...(team && { team }),
      namedKeys: () => namedKeys,
    });
    return server;
  };
  afterEach(async () => {
    await server?.dispose();
    server = undefined;
  });
  const scrape = async ({ raw }: TestProxy) => (await raw('/metrics', get)).text;
  const promtool = async (args: readonly string[], input?: string) => {
    const program = await debianProgram({ name: 'promtool', package: 'prometheus', path: 'usr/bin/promtool' });
    const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', input, cwd: operations });
    return { status, said: stdout + stderr };
  };

  it('counts a request by dialect, lane, model, status and account, and times it', async () => {
    const proxy = await start();
    for (const stream of [true, false]) assert.equal((await proxy.chat({ stream })).status, 200);
    const text = await scrape(proxy);
    assert.ok(
      text.includes(
        'qwen_proxy_requests_total{dialect="openai-chat",lane="native",model="qwen3-coder-plus",status="200",account="one"} 2\n',
      ) ||
        text.includes(
          'qwen_proxy_requests_total{dialect="openai-chat",lane="translate",model="qwen3-coder-plus",status="200",account="one"} 2\n',
        ),
      text,
    );
    assert.match(text, /^qwen_proxy_attempts_total\{reason="answered"\} 2$/m);
    assert.match(text, /^qwen_proxy_ttft_seconds_count\{dialect="openai-chat",lane="\w+"\} 2$/m);
    assert.match(text, /^qwen_proxy_request_duration_seconds_count\{[^}]*\} 2$/m);
    assert.match(text, /^qwen_proxy_tokens_total\{kind="input",model="qwen3-coder-plus",account="one"\} [1-9]\d*$/m);
    assert.match(text, /^qwen_proxy_open_requests\{kind="stream"\} 0$/m);
    assert.match(text, /^qwen_proxy_account_state\{account="two",state="ready"\} 1$/m);
    assert.match(text, /^qwen_proxy_build_info\{version="1\.2\.3",mode="headless",node="[\d.]+"\} 1$/m);
    assert.match(text, /^qwen_proxy_event_loop_lag_seconds\{statistic="p99"\} /m);
  });
  it('has every metric that the documentation names, with the labels that it names', async () => {
    const digest = createHash('sha256').update('qp-named').digest('hex');
    const team = createMemoryHub().join('one');
    const proxy = await start({}, team, [{ name: 'named', digest, createdAtMs: 0, limits: {} }]);
    await proxy.proxy.setAccountLimit('two', { window: 'day', requests: 10 });
    simulator.fail({ key: 'sk-one', fault: { kind: 'error', id: 31 } });
    assert.equal((await proxy.chat({}, { headers: { authorization: 'Bearer qp-named' } })).status, 200);
    await proxy.raw('/v1/chat/completions', { headers: { authorization: 'Bearer wrong' }, body: '{}' });
    simulator.fail({ fault: { kind: 'stall', afterChunks: 3 } });
    const open = proxy.client.chat.completions.create({
      ...{ model: 'qwen3-coder-plus', stream: true },
      messages: [{ role: 'user', content: 'stalls' }],
    });
    const stream = await open;
    const text = await scrape(proxy);
    stream.controller.abort();
    assert.match(text, /^qwen_proxy_open_requests\{kind="stream"\} 1$/m);
    assert.match(text, /^qwen_proxy_key_requests_total\{key="named",outcome="answered"\} 1$/m);
    assert.match(text, /^qwen_proxy_window_left_ratio\{account="two",window="day"\} 0\.[89]$/m);
    assert.match(text, /^qwen_proxy_team_store_up 1$/m);
    assert.match(text, /^qwen_proxy_team_unsent_changes 0$/m);

    const scraped = new Map<string, Set<string>>();
    for (const [, name = '', labels = ''] of text.matchAll(/^(qwen_proxy_\w+)(?:\{(.*)\})? /gm)) {
      const metric = name.replace(/_(?:bucket|sum|count)$/, '');
      const known = scraped.get(metric) ?? new Set();
      for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) if (label !== 'le') known.add(label);
      scraped.set(metric, known);
    }
    const sorted = (labels: Iterable<string>) => [...labels].toSorted().join(', ');
    const expected: [string, string][] = [];
    const page = await readFile(join(operations, 'README.md'), 'utf8');
    for (const [, names = '', labels = ''] of page.matchAll(/^\| (`qwen_proxy_[^|]*)\|([^|]*)\|/gm))
      for (const [, name = ''] of names.matchAll(/`([^`]+)`/g))
        expected.push([
          name.replace(/^…/, 'qwen_proxy_window'),
          sorted(labels.split(',').map((label) => label.trim())),
        ]);
    assert.ok(expected.length >= 19);
    assert.deepEqual(
      [...scraped].map(([name, labels]) => `${name}: ${sorted(labels)}`).toSorted(),
      expected.map(([name, labels]) => `${name}: ${labels}`).toSorted(),
    );
  });
  it('tells what was read from a cache and what was written to one', async () => {
    const proxy = await start();
    const details = { cached_tokens: 60, cache_creation_input_tokens: 30 };
    const usage = { prompt_tokens: 100, completion_tokens: 7, prompt_tokens_details: details };
    simulator.script({ answer: { text: 'a', usage } });
    assert.equal((await proxy.chat()).status, 200);
    const text = await scrape(proxy);
    for (const [kind, count] of Object.entries({ input: 100, output: 7, cached: 60, cache_write: 30 }))
      assert.match(text, new RegExp(`^qwen_proxy_tokens_total\\{kind="${kind}",[^}]*\\} ${count}$`, 'm'));
  });
  it('counts why a request went on to another account', async () => {
    const proxy = await start();
    simulator.fail({ key: 'sk-one', fault: { kind: 'error', id: 31 } });
    assert.equal((await proxy.chat()).status, 200);
    const text = await scrape(proxy);
    assert.match(text, /^qwen_proxy_rotations_total\{reason="quota_exhausted"\} 1$/m);
    assert.match(text, /^qwen_proxy_attempts_total\{reason="quota_exhausted"\} 1$/m);
    assert.match(text, /^qwen_proxy_account_state\{account="one",state="exhausted"\} 1$/m);
  });
  it('keeps made-up models in one series', async () => {
    const proxy = await start();
    for (let index = 0; index < 3; index++) await proxy.chat({ model: `made-up-${index}` });
    assert.ok(!(await scrape(proxy)).includes('made-up-'));
  });
  it('counts what is refused at the door', async () => {
    const proxy = await start();
    await proxy.raw('/v1/chat/completions', { headers: { authorization: 'Bearer wrong' }, body: '{}' });
    assert.match(await scrape(proxy), /^qwen_proxy_refusals_total\{code="client_unauthorized"\} 1$/m);
  });
  it('shares no counter between two proxies', async () => {
    const first = await start();
    await first.chat();
    await first.dispose();
    assert.ok(!/^qwen_proxy_attempts_total\{/m.test(await scrape(await start())));
  });
  for (const [settings, authorization, status] of [
    [{}, undefined, 200],
    [{}, '', 401],
    [{ ADMIN_KEY: 'admin' }, undefined, 401],
    [{ ADMIN_KEY: 'admin' }, 'Bearer admin', 200],
    [{ API_KEY: 'client-key-canary,other' }, undefined, 403],
  ] as const)
    it(`with ${JSON.stringify(settings)}, ${authorization ?? 'a client key'} gets ${status}`, async () => {
      const { raw } = await start(settings);
      const answer = await raw('/metrics', {
        ...get,
        ...(authorization !== undefined && { headers: { authorization } }),
      });
      assert.equal(answer.status, status);
    });

  it('a real scrape, and the rules, please promtool', async () => {
    const proxy = await start();
    await proxy.chat();
    const metrics = await promtool(['check', 'metrics'], await scrape(proxy));
    assert.deepEqual(metrics, { status: 0, said: '' });
    const rules = await promtool(['check', 'rules', 'alerts.yml']);
    assert.equal(rules.status, 0, rules.said);
    assert.match(rules.said, /SUCCESS: 9 rules found/);
    const configuration = await promtool(['check', 'config', '--syntax-only', 'prometheus.yml']);
    assert.equal(configuration.status, 0, configuration.said);
  });
  it('every alert fires when it should, and not beside what is well', async () => {
    const names = (await readFile(join(operations, 'alerts.yml'), 'utf8')).matchAll(/- alert: (\w+)/g);
    const tests = await readFile(join(fixtures, 'alerts.test.yml'), 'utf8');
    for (const [, name = ''] of names) assert.ok(tests.split(`alertname: ${name}`).length > 2, name);
    const { status, said } = await promtool(['test', 'rules', join(fixtures, 'alerts.test.yml')]);
    assert.equal(status, 0, said);
  });
  it('the dashboard and the rules name only what is there', async () => {
    const proxy = await start({}, createMemoryHub().join('one'));
    await proxy.chat();
    const known = new Set([...(await scrape(proxy)).matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name ?? ''));
    const texts = ['grafana-dashboard.json', 'alerts.yml'].map((name) => readFile(join(operations, name), 'utf8'));
    for (const text of await Promise.all(texts))
      for (const [name] of text.matchAll(/qwen_proxy_\w+/g)) assert.ok(known.has(name.replace(/_bucket$/, '')), name);
  });
  it('every expression of the dashboard is one', async () => {
    const { panels } = JSON.parse(await readFile(join(operations, 'grafana-dashboard.json'), 'utf8'));
    const expressions = panels.flatMap(({ targets }: { targets: { expr: string }[] }) =>
      targets.map(({ expr }) => expr),
    );
    assert.ok(expressions.length >= 14);
    const rules = expressions.map((expression: string, index: number) => ({
      record: `panel:query:${index}`,
      expr: expression.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*'),
    }));
    const { stateDirectory } = await start();
    const file = join(stateDirectory, 'rules.yml');
    await writeFile(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
    const { status, said } = await promtool(['check', 'rules', file]);
    assert.equal(status, 0, said);
  });
});
