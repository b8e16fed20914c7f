import type { RequestRecord } from '../../core/activity.ts';
import type { RequestRow } from '../../webview/dashboard-messages.ts';
import type { RowTexts } from './account-node.ts';
import { describeReason } from './reason-text.ts';

/** One request of the live list; `labelOf` names an account as the user does. */
export function toRequestRow(
  record: RequestRecord,
  labelOf: (account: string) => string,
  { l10n, locale }: RowTexts,
): RequestRow {
  const { account, lane, dialect, model, modelAsked, ttftMs, inputTokens, outputTokens, cachedTokens } = record;
  const number = new Intl.NumberFormat(locale);
  const seconds = new Intl.NumberFormat(locale, { maximumFractionDigits: 1, minimumFractionDigits: 1 });
  const speed = tokensPerSecond(record);
  return {
    id: record.id,
    state: record.state,
    time: new Date(record.startedMs).toLocaleTimeString(locale),
    client: record.client ?? '',
    model:
      modelAsked === undefined || model === undefined || modelAsked === model
        ? (model ?? modelAsked ?? '')
        : `${modelAsked} → ${model}`,
    way: [dialect, ...(lane === undefined ? [] : [lane]), ...(account === undefined ? [] : [labelOf(account)])].join(
      ' → ',
    ),
    attempts: record.attempts.map(({ account: tried, error, committed }) => {
      if (error !== undefined) return `${labelOf(tried)}: ${describeReason(error, l10n)}`;
      return `${labelOf(tried)}: ${committed ? l10n.t('answered') : l10n.t('asked')}`;
    }),
    firstToken:
      ttftMs === undefined ? '' : ttftMs < 1_000 ? `${Math.round(ttftMs)} ms` : `${seconds.format(ttftMs / 1_000)} s`,
    speed: speed === undefined ? '' : number.format(Math.round(speed)),
    tokens: inputTokens === undefined ? '' : `${number.format(inputTokens)} → ${number.format(outputTokens ?? 0)}`,
    cached:
      inputTokens === undefined || inputTokens === 0
        ? ''
        : `${Math.round(((cachedTokens ?? 0) / inputTokens) * 100)} %`,
    status: describeStatus(record, { l10n, locale }),
  };
}

/** Output over the time from the first of it to the end; for an answer of one piece that says nothing. */
function tokensPerSecond({ outputTokens, ttftMs, durationMs }: RequestRecord): number | undefined {
  if (outputTokens === undefined || ttftMs === undefined || durationMs === undefined) return undefined;
  const ms = durationMs - ttftMs;
  return ms < 50 ? undefined : (outputTokens / ms) * 1_000;
}

function describeStatus({ state, status, error }: RequestRecord, { l10n }: RowTexts): string {
  const reason = error === undefined ? '' : `: ${describeReason(error, l10n)}`;
  switch (state) {
    case 'open':
      return l10n.t('running');
    case 'answered':
      return `${status ?? 200}`;
    case 'failed':
      return `${status ?? ''}${reason}`;
    case 'cut':
      return `${l10n.t('cut off')}${reason}`;
    case 'aborted':
      return l10n.t('the client left');
  }
}
