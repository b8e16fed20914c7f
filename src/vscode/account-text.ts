import type { AccountState, AccountSummary } from '../core/control.ts';
import type { WindowSummary } from '../core/quota-window.ts';
import type { Translator } from './translator.ts';

const icons: Readonly<Record<AccountState, string>> = {
  ready: 'pass',
  cooling: 'clock',
  exhausted: 'calendar',
  unauthorized: 'key',
  disabled: 'circle-slash',
};

/** Name of the theme icon that stands for an account's state. */
export function accountIcon({ state }: AccountSummary): string {
  return icons[state];
}

/** The state in words, with its reason and its end: `Cooling until 14:05: rate limited`. */
export function describeState(account: AccountSummary, l10n: Translator, locale: string): string {
  const { untilMs, reason } = account;
  const name = stateName(account.state, l10n);
  const state = untilMs === undefined ? name : l10n.t('{0} until {1}', name, describeTime(untilMs, locale));
  return reason === undefined ? state : `${state}: ${reason}`;
}

/** `14 requests today`, in words that fit the number. */
export function describeRequests(requestsToday: number, l10n: Translator): string {
  return requestsToday === 1 ? l10n.t('1 request today') : l10n.t('{0} requests today', requestsToday);
}

/** What remains of the tightest quota window of these accounts, in per cent; `undefined` where no limit is known. */
export function shareLeft(accounts: readonly AccountSummary[]): number | undefined {
  const shares = accounts.flatMap(({ windows }) => windows.flatMap(({ left }) => left ?? []));
  return shares.length === 0 ? undefined : Math.floor(Math.min(...shares) * 100);
}

const barCells = 8;

/** What remains of a window as a small bar: `▰▰▰▱▱▱▱▱`; a dash where no limit is known. */
export function shareBar({ left }: WindowSummary): string {
  if (left === undefined) return '—';
  // The last cell goes only when nothing is left.
  const full = Math.min(barCells, Math.ceil(left * barCells));
  return '▰'.repeat(full) + '▱'.repeat(barCells - full);
}

/** Where a quota window stands: `5 hours: 62 % left, fresh 14:05, about 40 min left at this pace`; usage alone where no limit is known. */
export function describeWindow(window: WindowSummary, nowMs: number, l10n: Translator, locale: string): string {
  const { left, usedRequests, usedTokens, resetsMs, usedUpMs } = window;
  const name = windowName(window.name, l10n);
  if (left === undefined)
    return l10n.t('{0}: {1} requests, {2} tokens', name, usedRequests, compact(usedTokens, locale));
  const share = l10n.t('{0}: {1} % left, fresh {2}', name, Math.floor(left * 100), describeTime(resetsMs, locale));
  if (usedUpMs === undefined) return share;
  return `${share}, ${l10n.t('about {0} min left at this pace', Math.max(1, Math.round((usedUpMs - nowMs) / 60_000)))}`;
}

/** A quota window by its length. */
export function windowName(name: WindowSummary['name'], l10n: Translator): string {
  switch (name) {
    case 'hour':
      return l10n.t('5 hours');
    case 'day':
      return l10n.t('Day');
    case 'week':
      return l10n.t('Week');
    case 'month':
      return l10n.t('Month');
  }
}

const compact = (amount: number, locale: string) =>
  new Intl.NumberFormat(locale, { notation: 'compact' }).format(amount);

function stateName(state: AccountState, l10n: Translator): string {
  switch (state) {
    case 'ready':
      return l10n.t('Ready');
    case 'cooling':
      return l10n.t('Cooling');
    case 'exhausted':
      return l10n.t('Quota used up');
    case 'unauthorized':
      return l10n.t('Sign in again');
    case 'disabled':
      return l10n.t('Disabled');
  }
}

/** The time of day, and the day too where it is another one. */
export function describeTime(timeMs: number, locale: string): string {
  const time = new Date(timeMs);
  const isToday = time.toDateString() === new Date().toDateString();
  const clock = { hour: '2-digit', minute: '2-digit' } as const;
  return time.toLocaleString(locale, isToday ? clock : { ...clock, month: 'short', day: 'numeric' });
}
