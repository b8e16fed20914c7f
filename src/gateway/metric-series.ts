import { Counter, type Registry } from 'prom-client';

/**
 * Remembers the series of a metric by its labels. prom-client sorts, checks and hashes labels with every call, for a request
 * as much work as choosing its account; there are few series, and the same ones come again.
 * @param make Told the labels' values, which are bounded, so that what is kept is too.
 */
export function seriesOf<Series>(make: (...values: string[]) => Series): (...values: string[]) => Series {
  const known = new Map<string, Series>();
  return (...values) => {
    const key = values.join('\n');
    const found = known.get(key);
    if (found !== undefined) return found;
    const series = make(...values);
    known.set(key, series);
    return series;
  };
}

/** Counts by the values of its labels, in their order. */
export type Count = (values: readonly string[], count?: number) => void;

/** A counter whose series are added up here, and told to prom-client when somebody reads them. */
export function countIn(
  registry: Registry,
  { name, help, labelNames }: { readonly name: string; readonly help: string; readonly labelNames: readonly string[] },
): Count {
  const tallies = new Map<string, { readonly values: readonly string[]; untold: number }>();
  new Counter({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect() {
      for (const tally of tallies.values()) {
        this.inc(Object.fromEntries(labelNames.map((label, at) => [label, tally.values[at] ?? ''])), tally.untold);
        tally.untold = 0;
      }
    },
  });
  return (values, count = 1) => {
    const key = values.join('\n');
    const known = tallies.get(key);
    if (known === undefined) tallies.set(key, { values, untold: count });
    else known.untold += count;
  };
}
