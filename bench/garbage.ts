/**
 * What the requests of a scenario leave to the collector: `node bench/garbage.ts small-30 [--seconds 6]`. What survives young
 * collections is copied, and what survives two of them stays until a full one.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measure } from './measure.ts';
import { createScenarios } from './scenarios.ts';
import { root, startOwn } from './targets.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '6' } },
});
const scenario = createScenarios(1).find(({ id }) => id === positionals[0]);
if (scenario === undefined) throw new Error(`One of: ${createScenarios(1).map(({ id }) => id)}`);

const upstream = fork(join(root, 'bench', 'upstream.ts'));
const [{ port }]: [{ port?: number }] = (await once(upstream, 'message')) as [{ port?: number }];
const told = once(upstream, 'message');
upstream.send(scenario.plan);
await told;
const lines: string[] = [];
const target = await startOwn(port ?? 0, ['--trace-gc-nvp', join(root, 'dist', 'cli.js'), 'serve'], (line) =>
  lines.push(line),
);
try {
  const { forMs, ...rest } = scenario;
  const run = (seconds: number) => measure({ ...rest, ...(forMs !== undefined && { forMs: seconds * 1_000 }) }, target);
  // What is compiled meanwhile, and the tables that grow to their size, are not a request's.
  await run(Number(values.seconds));
  lines.length = 0;
  const { answers } = await run(Number(values.seconds));
  const sum = (name: string, kind: string) =>
    lines
      .filter((line) => line.includes(` gc=${kind} `))
      .reduce((total, line) => total + Number(new RegExp(` ${name}=([0-9.]+)`).exec(line)?.[1] ?? 0), 0);
  const each = (bytes: number) => `${(bytes / answers / 1_024).toFixed(2)} kB`;
  console.log(`${answers} requests: ${each(sum('allocated', 's'))} allocated by each,`);
  console.log(
    `${each(sum('new_space_survived', 's'))} survive one young collection, ${each(sum('promoted', 's'))} two;`,
  );
  console.log(`pauses ${sum('pause', 's').toFixed(0)} ms young, ${sum('pause', 'mc').toFixed(0)} ms full`);
} finally {
  await target.stop();
  upstream.disconnect();
}
