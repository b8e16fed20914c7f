/** What is measured, and what is aimed at: docs of the targets stand in RESULTS.md, which the run writes. */
import { longBody, smallBody } from './requests.ts';
import type { AnswerPlan, Format } from './wire.ts';

/** A figure of one target in one scenario; all are "less is better" but for `perSecond`. */
export type Figure = 'cpuMicros' | 'perSecond' | 'p50Ms' | 'addedMs' | 'lagP99Ms' | 'ttftP99Ms' | 'streamKb';

export interface Aim {
  readonly figure: Figure;
  /** Of our figure to raw-node's; a share that must be reached for `perSecond`. */
  readonly ratio: number;
}

export interface Scenario {
  readonly id: string;
  readonly title: string;
  readonly format: Format;
  readonly isStream: boolean;
  readonly plan: AnswerPlan;
  readonly body: () => Buffer;
  readonly connections: number;
  /** Absent = each connection sends one request. */
  readonly forMs?: number;
  /** CPU is divided by the answers, or by their chunks. */
  readonly per: 'request' | 'chunk';
  /** Every target is started anew, so that its memory is that of these streams. */
  readonly isFresh?: boolean;
  readonly aims: readonly Aim[];
}

const asFast = (chunks: number): AnswerPlan => ({ chunks, chunksPerWrite: 8, paceMs: 0 });
const paced = (chunks: number): AnswerPlan => ({ chunks, chunksPerWrite: 1, paceMs: 20 });

/** All scenarios; `scale` shortens or prolongs them. */
export function createScenarios(scale: number): readonly Scenario[] {
  const forMs = 1_500 * scale;
  const pacedChunks = Math.round(100 * scale);
  const small = (isStream: boolean, format: Format = 'chat') => {
    const body = smallBody(format, isStream);
    return () => body;
  };
  const long = (format: Format) => {
    let body: Buffer | undefined;
    return () => {
      body ??= longBody(format);
      return body;
    };
  };
  const fast = { format: 'chat', isStream: false, forMs, per: 'request' } as const;
  const stream = { isStream: true, per: 'chunk' } as const;
  return [
    {
      ...fast,
      id: 'small-30',
      title: 'small request, c = 32, folded from 30 chunks',
      plan: asFast(30),
      body: small(false),
      connections: 32,
      aims: [
        { figure: 'cpuMicros', ratio: 3 },
        { figure: 'perSecond', ratio: 0.4 },
      ],
    },
    {
      ...fast,
      id: 'small-120',
      title: 'small request, c = 32, folded from 120 chunks',
      plan: asFast(120),
      body: small(false),
      connections: 32,
      aims: [
        { figure: 'cpuMicros', ratio: 5 },
        { figure: 'perSecond', ratio: 0.25 },
      ],
    },
    {
      ...fast,
      id: 'single',
      title: 'small request, c = 1, folded from 30 chunks',
      plan: asFast(30),
      body: small(false),
      connections: 1,
      aims: [{ figure: 'addedMs', ratio: 2.5 }],
    },
    {
      ...fast,
      id: 'long-native',
      title: '1 MB request, native lane, c = 1',
      isStream: true,
      plan: asFast(30),
      body: long('chat'),
      connections: 1,
      aims: [{ figure: 'cpuMicros', ratio: 2.5 }],
    },
    {
      ...fast,
      id: 'long-translated',
      title: '1 MB request, Anthropic → chat, c = 1',
      format: 'anthropic',
      isStream: true,
      plan: asFast(30),
      body: long('anthropic'),
      connections: 1,
      aims: [{ figure: 'cpuMicros', ratio: 10 }],
    },
    {
      ...stream,
      id: 'blast-native',
      title: 'stream blast, native lane, 2000 chunks, c = 4',
      format: 'chat',
      plan: asFast(2_000),
      body: small(true),
      connections: 4,
      forMs,
      aims: [{ figure: 'cpuMicros', ratio: 1.7 }],
    },
    {
      ...stream,
      id: 'blast-translated',
      title: 'stream blast, Anthropic → chat, 2000 chunks, c = 4',
      format: 'anthropic',
      plan: asFast(2_000),
      body: small(true, 'anthropic'),
      connections: 4,
      forMs,
      aims: [{ figure: 'cpuMicros', ratio: 8 }],
    },
    {
      ...stream,
      id: 'paced-native',
      title: '100 streams × 20 ms, native lane',
      format: 'chat',
      plan: paced(pacedChunks),
      body: small(true),
      connections: 100,
      aims: [
        { figure: 'cpuMicros', ratio: 1.3 },
        { figure: 'lagP99Ms', ratio: 1.5 },
      ],
    },
    {
      ...stream,
      id: 'paced-translated',
      title: '100 streams × 20 ms, Anthropic → chat',
      format: 'anthropic',
      plan: paced(pacedChunks),
      body: small(true, 'anthropic'),
      connections: 100,
      aims: [
        { figure: 'cpuMicros', ratio: 1.8 },
        { figure: 'lagP99Ms', ratio: 1.5 },
      ],
    },
    {
      ...stream,
      id: 'many',
      title: '500 streams × 20 ms, native lane',
      format: 'chat',
      plan: paced(pacedChunks),
      body: small(true),
      connections: 500,
      isFresh: true,
      aims: [
        { figure: 'ttftP99Ms', ratio: 2 },
        { figure: 'streamKb', ratio: 1.5 },
      ],
    },
  ];
}
