/**
 * What the server does to the editor it lives in, with the packaged extension in a real VS Code: how late the extension
 * host's event loop is while 100 streams run, what becomes of a stream while another extension blocks the host for two
 * seconds, and memory. Run after `npm run package`: `node bench/editor.ts [rounds]`.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findFreePort } from '../test/support/free-port.ts';
import { installVsix } from '../test/vscode/host/run-in-host.ts';
import { startVsCodeServer } from '../test/vscode/host/server.ts';
import { openWindow } from '../test/vscode/host/window.ts';
import { copyWith, loginWithKey, vsixPath } from '../test/vscode/ui/editor.ts';
import { runLoad } from './load.ts';
import { median, quantile } from './measure.ts';
import { smallBody } from './requests.ts';
import type { AnswerPlan } from './wire.ts';

const rounds = Number(process.argv[2] ?? 3);
const folder = import.meta.dirname;
const [port, probePort] = [await findFreePort(), await findFreePort()];
const upstream = fork(join(folder, 'upstream.ts'));
const [{ port: upstreamPort }] = await once(upstream, 'message');
const plan: AnswerPlan = { chunks: 200, chunksPerWrite: 1, paceMs: 20 };
const told = once(upstream, 'message');
upstream.send(plan);
await told;

async function probe(path: '/reset' | '/delay' | '/heap' | '/block'): Promise<Record<string, number>> {
  const answer: unknown = await (await fetch(`http://127.0.0.1:${probePort}${path}`)).json();
  return Object.fromEntries(Object.entries(answer ?? {}).map(([name, value]) => [name, Number(value)]));
}

/** The extension host's 99th percentile while `work` goes on. */
async function delayDuring(work: () => Promise<unknown>): Promise<number> {
  await probe('/reset');
  await work();
  return (await probe('/delay')).p99Ms ?? Number.NaN;
}

const verdicts: string[] = [];
function judge(what: string, figure: number, limit: number, unit: string): void {
  const isMet = figure <= limit;
  if (!isMet) process.exitCode = 1;
  verdicts.push(`| ${what} | ${figure.toFixed(2)} ${unit} (≤ ${limit} ${unit}) | ${isMet ? 'met' : '**missed**'} |`);
}

const server = await startVsCodeServer({
  machineSettings: { 'qwenProxy.port': port },
  extensions: [join(folder, 'probe-extension')],
  env: { BENCH_PROBE_PORT: String(probePort) },
});
try {
  await installVsix(server, vsixPath);
  const window = await openWindow(server, {});
  await window.statusBarItem(/no account/);
  await loginWithKey(window, { baseUrl: `http://127.0.0.1:${upstreamPort}/v1`, key: 'sk-bench', label: 'Bench' });
  await window.statusBarItem(/1 of 1 accounts ready/);
  const headers = { authorization: `Bearer ${await copyWith(window, 'Qwen: Copy API Key')}` };
  const streams = (connections: number) =>
    runLoad({
      ...{ port, path: '/v1/chat/completions', headers, plan, connections },
      ...{ body: smallBody('chat', true), format: 'chat', isStream: true },
    });
  const streamMs = plan.chunks * plan.paceMs;
  const faults = new Set<string>();

  await streams(100);
  await sleep(2_000);
  const heapBefore = (await probe('/heap')).usedMb ?? Number.NaN;
  const later: number[] = [];
  const gaps: number[] = [];
  const blockedGaps: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const alone = await delayDuring(() => sleep(streamMs));
    const busy = await delayDuring(async () => {
      const { faults: wrong } = await streams(100);
      for (const fault of Object.keys(wrong)) faults.add(fault);
    });
    later.push(busy - alone);
    const undisturbed = await streams(10);
    const blocked = streams(10);
    await sleep(streamMs / 4);
    await probe('/block');
    const disturbed = await blocked;
    for (const fault of Object.keys({ ...undisturbed.faults, ...disturbed.faults })) faults.add(fault);
    gaps.push(quantile(undisturbed.gapMs, 0.99));
    blockedGaps.push(quantile(disturbed.gapMs, 0.99));
    console.log(
      `round ${round + 1}: event loop p99 ${alone.toFixed(2)} ms, with streams ${busy.toFixed(2)} ms; chunk gap p99 ${gaps.at(-1)?.toFixed(1)} ms, host blocked ${blockedGaps.at(-1)?.toFixed(1)} ms`,
    );
  }
  await sleep(1_000);
  const heapAfter = (await probe('/heap')).usedMb ?? Number.NaN;
  await window.close();
  judge('extension host’s event-loop delay p99, 100 streams over none', median(later), 2, 'ms');
  judge('chunk gap p99, extension host blocked for 2 s to undisturbed', median(blockedGaps) / median(gaps), 1.5, '×');
  judge(`extension-host heap growth over ${rounds * 120} streams`, heapAfter - heapBefore, 5, 'MB');
  judge('VSIX', statSync(vsixPath).size / 1e6, 1.3, 'MB');
  console.log(`\n| in the editor | measured (target) | |\n|---|--:|---|\n${verdicts.join('\n')}`);
  console.log(`wrong answers: ${faults.size === 0 ? 'none' : [...faults].join('; ')}`);
} finally {
  await server.stop();
  upstream.disconnect();
}
