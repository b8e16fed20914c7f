/** Is version `a` newer than `b`? Compares the numbers of `major.minor.patch`; what is no version is never newer. */
export function isNewer(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => /^(\d+)\.(\d+)\.(\d+)/.exec(text)?.slice(1).map(Number));
  if (left === undefined || right === undefined) return false;
  for (const [index, number] of left.entries()) {
    const other = right[index] ?? 0;
    if (number !== other) return number > other;
  }
  return false;
}
