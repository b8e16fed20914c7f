import { stripVTControlCharacters, styleText } from 'node:util';

const wide = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/g;

/** Columns of a terminal that a text takes: Chinese characters take two. */
export function displayWidth(text: string): number {
  const plain = stripVTControlCharacters(text);
  return plain.length + (plain.match(wide)?.length ?? 0);
}

export type Row = Readonly<Record<string, string>>;

/** Rows under a headline, one line each; columns of numbers stand to the right. */
export function formatTable(rows: readonly Row[]): string {
  const [first] = rows;
  if (first === undefined) return '';
  const columns = Object.keys(first);
  const isNumeric = (column: string) => rows.every((row) => /^[\d.,]*%?$/.test(row[column] ?? ''));
  const widths = columns.map((column) =>
    Math.max(displayWidth(column), ...rows.map((row) => displayWidth(row[column] ?? ''))),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, index) => {
        const space = ' '.repeat((widths[index] ?? 0) - displayWidth(cell));
        return isNumeric(columns[index] ?? '') ? space + cell : cell + space;
      })
      .join('  ')
      .trimEnd();
  // styleText leaves colours out where stdout is no terminal, or NO_COLOR is set.
  const head = styleText('bold', line(columns.map((column) => column.toUpperCase())), { stream: process.stdout });
  return `${[head, ...rows.map((row) => line(columns.map((column) => row[column] ?? '')))].join('\n')}\n`;
}

export function printTable(rows: readonly Row[]): void {
  process.stdout.write(formatTable(rows));
}
