/**
 * Remembers the series of a metric by its labels. prom-client sorts, checks and hashes labels with every call, for a request
 * as much work as choosing its account; there are few series, and the same ones come again.
 * @param make The labels of a metric are bounded, so what is kept is too. They come in the same order each time.
 */
export function seriesOf<Label extends string, Series>(
  make: (labels: Record<Label, string>) => Series,
): (labels: Record<Label, string>) => Series {
  const known = new Map<string, Series>();
  return (labels) => {
    const key = Object.values(labels).join('\n');
    const found = known.get(key);
    if (found !== undefined) return found;
    const series = make(labels);
    known.set(key, series);
    return series;
  };
}
