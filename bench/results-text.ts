/** The text of RESULTS.md: verdicts, tables, and what must be known to read them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Verdict } from './report.ts';
import { root } from './targets.ts';

export interface ResultsOptions {
  readonly verdicts: readonly Verdict[];
  readonly tables: readonly string[];
  /** What could not be measured, and why. */
  readonly missing: ReadonlyMap<string, string>;
  readonly rounds: number;
  readonly loads: readonly number[];
  readonly processors: number;
}

export function resultsText({ verdicts, tables, missing, rounds, loads, processors }: ResultsOptions): string {
  const load = `${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}`;
  const absent = [...missing].map(
    ([name, reason]) => `- ${name} was left out: ${reason.split('\n', 1)[0]?.slice(0, 200)}`,
  );
  return `# Results of the bench

Written by \`npm run bench\`; the notes at its end stand in [NOTES.md](NOTES.md).

## Targets

| scenario | figure, ours to raw-node's | measured (target) | |
|---|---|--:|---|
${verdicts.map((verdict) => `| ${verdict.scenario} | ${verdict.what} | ${verdict.text} | ${verdict.isMet ? 'met' : '**missed**'} |`).join('\n')}

## Conditions

- Node ${process.version}, undici ${version('undici')}, h3 ${version('h3')}; ${rounds} interleaved rounds, medians; load average ${load} on ${processors} processors, which
  upstream, proxy and load generator share with each other and with whatever else ran.
- CPU is the run time of all threads of the process tree by the scheduler's clock. It is the figure to compare, and only within one run:
  ratios are of cells of the same round. Requests a second, milliseconds and p99 also measure what else the machine did.
- *raw-node* is bare node:http in front of undici and hands bytes through; it neither knows accounts nor reads anything. For the Anthropic
  scenarios its upstream speaks Anthropic, so it is a floor, not a translation.
- *ours* is the production build of the headless server with two accounts, a client key and the ledger; *in a worker* the same bundle in a
  worker thread, as the editor runs it, whose host counts too.
${absent.join('\n')}

${tables.join('\n\n')}
`;
}

function version(name: string): string {
  const { version } = JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8'));
  return version;
}
