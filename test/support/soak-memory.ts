import { readdirSync } from 'node:fs';

/** Memory and handles of a process at one moment; bytes. */
export interface MemorySample {
  readonly atMs: number;
  /** Live objects: taken after a collection. */
  readonly heapBytes: number;
  /** What the engine has set aside for objects, free space included. */
  readonly heapTotalBytes: number;
  /** Memory of native objects that objects hold, array buffers included. */
  readonly externalBytes: number;
  readonly arrayBufferBytes: number;
  readonly residentBytes: number;
  /** Sockets, timers and requests that the event loop knows. */
  readonly handles: number;
  /** Open file descriptors; 0 where the system does not list them. */
  readonly descriptors: number;
}

/** The figures that must not grow. */
export type MemoryFigure = Exclude<keyof MemorySample, 'atMs'>;

/**
 * This process, after collections: the second one takes what the finalizers of the first let go.
 * @throws where the process was not started with `--expose-gc`
 */
export async function sampleMemory(): Promise<MemorySample> {
  const collect: unknown = Reflect.get(globalThis, 'gc');
  if (typeof collect !== 'function') throw new Error('Start it with --expose-gc.');
  collect();
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  const { heapUsed, heapTotal, external, arrayBuffers, rss } = process.memoryUsage();
  return {
    atMs: Date.now(),
    heapBytes: heapUsed,
    heapTotalBytes: heapTotal,
    externalBytes: external,
    arrayBufferBytes: arrayBuffers,
    residentBytes: rss,
    handles: process.getActiveResourcesInfo().length,
    descriptors: process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0,
  };
}

/** Change per hour of a figure over the second half of the samples, by least squares. */
export function slopePerHour(samples: readonly MemorySample[], figure: MemoryFigure): number {
  const half = samples.slice(Math.floor(samples.length / 2));
  const hours = half.map(({ atMs }) => atMs / 3_600_000);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanX, meanY] = [mean(hours), mean(half.map((sample) => sample[figure]))];
  const covariance = half.reduce((sum, each, index) => sum + ((hours[index] ?? 0) - meanX) * (each[figure] - meanY), 0);
  const variance = hours.reduce((sum, hour) => sum + (hour - meanX) ** 2, 0);
  return variance === 0 ? 0 : covariance / variance;
}
