/**
 * A team of replicas on one Redis: requests a second with 1, 2 and 3 of them, the Redis cost of a request, and how soon a
 * used-up quota is known everywhere. Three replicas serve 20,000 requests through a round-robin front, with a `kill -9` of a
 * replica and of Redis on the way; then counts have to be equal. Everything shares this machine, so the throughput is a
 * comparison, no capacity. `node bench/team.ts [requests]`; exit code 1 when a count is off or the quota took over a second.
 */
import { cpus } from 'node:os';
import { createClient } from '@redis/client';
import { countedByTeam, startTeamGateway, type TeamGateway } from '../test/support/team-gateway.ts';

const total = Number(process.argv[2] ?? 20_000);
const atOnce = 24;
const missed: string[] = [];

async function addAccounts(team: TeamGateway): Promise<void> {
  for (const id of ['one', 'two']) {
    team.simulator.addKey(`sk-${id}`);
    const options = ['--plan', 'custom', '--base-url', team.simulator.baseUrl, '--no-probe'];
    const { code, err } = await team.run(['accounts', 'add', '--id', id, ...options], { input: `sk-${id}\n` });
    if (code !== 0) throw new Error(err);
  }
  for (const { port } of team.replicas) while ((await team.ask(port, 'warm')) !== 200);
}

/** Commands, bytes and processor time of the Redis server so far. */
async function costOf(url: string): Promise<{ commands: number; bytes: number; cpuMs: number }> {
  const client = await createClient({ url }).connect();
  const info = await client.info();
  client.destroy();
  const field = (name: string) => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1]);
  return {
    commands: field('total_commands_processed'),
    bytes: field('total_net_input_bytes') + field('total_net_output_bytes'),
    cpuMs: (field('used_cpu_sys') + field('used_cpu_user')) * 1_000,
  };
}

async function counted(team: TeamGateway): Promise<number> {
  return [...(await countedByTeam(team.observer)).values()].reduce((sum, count) => sum + count, 0);
}

console.log(`${cpus().length} × ${cpus()[0]?.model ?? 'processor'}, Node ${process.version}\n`);
console.log(
  '| replicas | client key | requests | requests/s | Redis commands a request | bytes a request | Redis CPU µs a request |',
);
console.log('|--:|:--|--:|--:|--:|--:|--:|');
for (const replicas of [1, 2, 3]) {
  const team = await startTeamGateway(replicas, { env: { ACCOUNT_STRATEGY: 'round-robin' }, keepRequests: 100 });
  await addAccounts(team);
  await team.load(300, atOnce);
  const measure = async (name: string, key?: string) => {
    const requests = Math.ceil(total / 5);
    const before = await costOf(team.redis.url);
    const startedMs = performance.now();
    const statuses = await team.load(requests, atOnce, undefined, key);
    const seconds = (performance.now() - startedMs) / 1_000;
    const after = await costOf(team.redis.url);
    if (statuses.get(200) !== requests) missed.push(`${replicas} replicas, ${name}: ${JSON.stringify([...statuses])}`);
    const each = (difference: number, digits: number) => (difference / requests).toFixed(digits);
    console.log(
      `| ${replicas} | ${name} | ${requests} | ${(requests / seconds).toFixed(0)} | ${each(after.commands - before.commands, 3)} | ${each(after.bytes - before.bytes, 0)} | ${each((after.cpuMs - before.cpuMs) * 1_000, 1)} |`,
    );
  };
  await measure('without limits');
  if (replicas > 1) {
    // Limits that are asked about, and never met.
    const limits = ['--requests-per-minute', '100000000', '--concurrent', '1000'];
    const key = (await team.run(['keys', 'add', 'limited', ...limits])).out.trim();
    const known = { headers: { authorization: `Bearer ${key}` } };
    for (const { port } of team.replicas)
      while ((await fetch(`http://127.0.0.1:${port}/v1/models`, known)).status !== 200);
    await measure('with limits', key);
  }
  await team.dispose();
}

const team = await startTeamGateway(3, { env: { ACCOUNT_STRATEGY: 'round-robin' }, keepRequests: 100 });
await addAccounts(team);
const [first, second] = team.replicas;
if (first === undefined || second === undefined) throw new Error('There are no replicas.');

let events: Promise<void> = Promise.resolve();
const at = (done: number, share: number, work: () => Promise<void>) => {
  if (done === Math.floor(total * share)) events = events.then(work);
};
const statuses = await team.load(total, atOnce, (done) => {
  at(done, 0.3, () => team.kill(second));
  at(done, 0.45, () => team.redis.kill());
  at(done, 0.6, () => team.redis.start());
  at(done, 0.7, () => team.start(second));
});
await events;
const broken = statuses.get(0) ?? 0;
if ((statuses.get(200) ?? 0) + broken !== total || broken > atOnce)
  missed.push(`answers ${JSON.stringify([...statuses])}`);
const inLedgers = await team.ledgerAnswered();
const deadlineMs = performance.now() + 10_000;
while ((await counted(team)) !== inLedgers && performance.now() < deadlineMs);
const upstream = team.simulator.answered();
console.log(
  `\n${total} requests, a replica and Redis killed on the way: ${statuses.get(200)} answered, ${broken} broken off; ${upstream} answered upstream, ${inLedgers} in the ledgers, ${await counted(team)} counted by the team`,
);
if ((await counted(team)) !== inLedgers || upstream < inLedgers || upstream > inLedgers + atOnce) missed.push('counts');

const known = new Promise<void>((resolve) => team.observer.health.onDidChange(resolve));
team.simulator.fail({ key: 'sk-one', fault: { kind: 'error', id: 31 } });
let metMs = performance.now();
void known.then(() =>
  console.log(
    `a used-up quota is heard by another member ${(performance.now() - metMs).toFixed(1)} ms after the request began that met it`,
  ),
);
for (let number = 0; team.observer.health.entries().size === 0; number++) {
  metMs = performance.now();
  await team.ask(first.port, `quota ${number}`);
}
if (performance.now() - metMs > 1_000) missed.push('a used-up quota is known within a second');
await team.dispose();

for (const what of missed) console.log(`missed: ${what}`);
process.exitCode = missed.length === 0 ? 0 : 1;
