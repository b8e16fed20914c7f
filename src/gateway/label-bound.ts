/** Values of a label, up to a number of them: what comes later, or is not worth a series, is `other`. */
export type LabelBound = (value: string, mayAdd: boolean) => string;

export function createLabelBound(maximum: number): LabelBound {
  const known = new Set<string>();
  return (value, mayAdd) => {
    if (known.has(value)) return value;
    if (!mayAdd || known.size >= maximum) return 'other';
    known.add(value);
    return value;
  };
}
