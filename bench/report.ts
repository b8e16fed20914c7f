/** Tables of medians, with our ratio to raw-node and the verdict. */
import { type Cell, median } from './measure.ts';
import type { Aim, Figure, Scenario } from './scenarios.ts';

/** Cells of all rounds, by scenario and target. */
export type Results = ReadonlyMap<string, ReadonlyMap<string, readonly Cell[]>>;

export interface Start {
  readonly readyMs: readonly number[];
  /** Over a bare Node process. */
  readonly idleMb: readonly number[];
}

const names: Readonly<Record<Figure, string>> = {
  cpuMicros: 'CPU',
  perSecond: 'throughput',
  p50Ms: 'p50',
  addedMs: 'added p50',
  lagP99Ms: 'chunk lag p99',
  ttftP99Ms: 'TTFT p99',
  streamKb: 'RSS a stream',
};

export const startAims = { readyMs: 250, idleMb: 25 };

/** Who is judged; `long-native` counts where the editor runs it. */
export const judgedAs = (scenario: Scenario) => (scenario.id === 'long-native' ? 'ours, in a worker' : 'ours');

/** Ratios of ours to raw-node's, each of one round: what else the machine did then hit both. */
export function ratioOf(cells: ReadonlyMap<string, readonly Cell[]>, name: string, figure: Figure): number {
  const ours = cells.get(name) ?? [];
  const base = cells.get('raw-node') ?? [];
  const direct = cells.get('direct') ?? [];
  const ratios = ours.flatMap((cell, round) => {
    const other = base[round];
    if (other === undefined) return [];
    if (figure !== 'addedMs') return [Number(cell[figure]) / Number(other[figure])];
    const without = direct[round]?.p50Ms ?? Number.NaN;
    return [(cell.p50Ms - without) / (other.p50Ms - without)];
  });
  return median(ratios.filter((ratio) => Number.isFinite(ratio)));
}

export interface Verdict {
  readonly scenario: string;
  readonly what: string;
  readonly ratio: number;
  readonly isMet: boolean;
  readonly text: string;
}

export function verdictsOf(scenario: Scenario, cells: ReadonlyMap<string, readonly Cell[]>): readonly Verdict[] {
  return scenario.aims.map((aim: Aim) => {
    const ratio = ratioOf(cells, judgedAs(scenario), aim.figure);
    const isShare = aim.figure === 'perSecond';
    const isMet = isShare ? ratio >= aim.ratio : ratio <= aim.ratio;
    const shown = isShare
      ? `${(ratio * 100).toFixed(0)} % (≥ ${aim.ratio * 100} %)`
      : `${ratio.toFixed(2)}× (≤ ${aim.ratio}×)`;
    return { scenario: scenario.title, what: names[aim.figure], ratio, isMet, text: shown };
  });
}

const digits = (figure: number | undefined) =>
  figure === undefined || !Number.isFinite(figure) ? '–' : figure >= 100 ? figure.toFixed(0) : figure.toPrecision(3);

export function tableOf(scenario: Scenario, cells: ReadonlyMap<string, readonly Cell[]>): string {
  const of = (name: string, figure: keyof Cell) =>
    median((cells.get(name) ?? []).map((cell) => Number(cell[figure])).filter((each) => Number.isFinite(each)));
  const isPaced = scenario.plan.paceMs > 0;
  const unit = scenario.per === 'chunk' ? 'chunk' : 'request';
  const columns: readonly (readonly [string, keyof Cell])[] = [
    [`CPU µs/${unit}`, 'cpuMicros'],
    ...(isPaced
      ? ([
          ['lag p50 ms', 'lagP50Ms'],
          ['lag p99 ms', 'lagP99Ms'],
          ['TTFT p99 ms', 'ttftP99Ms'],
        ] as const)
      : ([
          [`${unit}s/s`, 'perSecond'],
          ['p50 ms', 'p50Ms'],
        ] as const)),
    ...(scenario.isFresh ? ([['RSS kB/stream', 'streamKb']] as const) : []),
  ];
  const rows = [...cells.keys()].map((name) => {
    const faults = (cells.get(name) ?? []).flatMap((cell) => Object.entries(cell.faults));
    const count = faults.reduce((sum, [, times]) => sum + times, 0);
    const cpu = name === 'direct' || name === 'raw-node' ? Number.NaN : ratioOf(cells, name, 'cpuMicros');
    const shown = columns.map(([, figure]) => digits(of(name, figure)));
    const wrong = count === 0 ? '0' : `${count}: ${faults[0]?.[0].replaceAll('|', '/').slice(0, 60)}`;
    return `| ${name} | ${shown.join(' | ')} | ${Number.isFinite(cpu) ? `${cpu.toFixed(2)}×` : '–'} | ${wrong} |`;
  });
  return [
    `### ${scenario.title}`,
    '',
    `| | ${columns.map(([title]) => title).join(' | ')} | CPU ÷ raw-node | wrong answers |`,
    `|---|${columns.map(() => '--:').join('|')}|--:|--:|`,
    ...rows,
  ].join('\n');
}
