import { readFile } from 'node:fs/promises';
import { ledgerDays } from './ledger.ts';
import { type LedgerEntry, parseLedgerLine } from './ledger-entry.ts';

/** Columns of the export, in order: name and value of one request. */
const columns: readonly (readonly [string, (entry: LedgerEntry) => string | number | undefined])[] = [
  ['time', (entry) => new Date(entry.at).toISOString()],
  ['request_id', (entry) => entry.id],
  ['client', (entry) => entry.client],
  ['dialect', (entry) => entry.dialect],
  ['lane', (entry) => entry.lane],
  ['model_asked', (entry) => entry.modelAsked],
  ['model', (entry) => entry.model],
  ['account', (entry) => entry.account],
  [
    'attempts',
    (entry) =>
      entry.attempts.map(({ account, error }) => (error === undefined ? account : `${account}:${error}`)).join(' '),
  ],
  ['outcome', (entry) => entry.outcome],
  ['status', (entry) => entry.status],
  ['error', (entry) => entry.error],
  ['ttft_ms', (entry) => entry.ttftMs],
  ['duration_ms', (entry) => entry.durationMs],
  ['input_tokens', (entry) => entry.inputTokens],
  ['output_tokens', (entry) => entry.outputTokens],
  ['cached_tokens', (entry) => entry.cachedTokens],
  ['cache_write_tokens', (entry) => entry.cacheWriteTokens],
  ['reasoning_tokens', (entry) => entry.reasoningTokens],
  ['key', (entry) => entry.key],
];

/** The whole ledger as CSV (RFC 4180), oldest first. */
export async function exportLedgerCsv(directory: string): Promise<string> {
  const rows = [columns.map(([name]) => name).join(',')];
  for (const { path } of await ledgerDays(directory))
    for (const line of (await readFile(path, 'utf8')).split('\n')) {
      const entry = line === '' ? undefined : parseLedgerLine(line);
      if (entry) rows.push(columns.map(([, read]) => formatCell(read(entry))).join(','));
    }
  return `${rows.join('\r\n')}\r\n`;
}

/** A client chooses its name and its model: a cell that a spreadsheet would take for a formula is quoted as text. */
function formatCell(value: string | number | undefined): string {
  if (value === undefined) return '';
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
