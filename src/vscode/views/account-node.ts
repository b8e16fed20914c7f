import type { AccountState, AccountSummary } from '../../core/control.ts';
import type { WindowSummary } from '../../core/quota-window.ts';
import { accountIcon, describeRequests, describeState, describeTime, shareLeft, windowName } from '../account-text.ts';
import type { Translator } from '../translator.ts';
import { describeReason } from './reason-text.ts';

/** One row of the accounts view. */
export type AccountNode =
  | { readonly type: 'account'; readonly accountId: string }
  | { readonly type: 'models'; readonly accountId: string }
  | { readonly type: 'fact'; readonly row: Row };

/** What a row shows; plain data, so that it is made and tested without an editor. */
export interface Row {
  readonly id: string;
  readonly label: string;
  readonly description?: string;
  readonly tooltip?: string;
  /** Name of a theme icon, and of a theme colour. */
  readonly icon: string;
  readonly color?: string;
  readonly contextValue?: string;
  /** Spoken instead of label and description, whose icon says nothing. */
  readonly spoken?: string;
}

export interface RowTexts {
  readonly l10n: Translator;
  readonly locale: string;
}

const colors: Readonly<Record<AccountState, string>> = {
  ready: 'testing.iconPassed',
  cooling: 'list.warningForeground',
  exhausted: 'list.warningForeground',
  unauthorized: 'list.errorForeground',
  disabled: 'disabledForeground',
};

/** The row of an account at `index` of the user's order. */
export function accountRow(account: AccountSummary, index: number, texts: RowTexts): Row {
  const { l10n, locale } = texts;
  const state = describeState(account, l10n, locale);
  const left = shareLeft([account]);
  const share = left === undefined ? [] : [l10n.t('{0} % left', left)];
  const facts = account.state === 'ready' ? [...share, describeRequests(account.requestsToday, l10n)] : [state];
  const lines = [account.planLabel, state, ...(account.fix === undefined ? [] : [account.fix])];
  return {
    id: account.id,
    label: account.label,
    description: facts.join(' · '),
    tooltip: [account.label, ...lines].join('\n'),
    icon: accountIcon(account),
    color: colors[account.state],
    contextValue: contextValue(account, index),
    spoken: [account.label, ...lines, ...share].join(', '),
  };
}

/** What may be done with it, as words that the menus of the manifest look for. */
function contextValue({ enabled, state, kind }: AccountSummary, index: number): string {
  const isWaiting = state === 'cooling' || state === 'exhausted' || state === 'unauthorized';
  return [
    'account',
    enabled ? 'enabled' : 'disabled',
    ...(isWaiting ? ['waiting'] : []),
    ...(index > 0 ? ['movable'] : []),
    ...(kind === 'oauth-device' && state === 'unauthorized' ? ['signedOut'] : []),
  ].join(' ');
}

/** What is below an account, but for its models: its windows, what it did today, and its last error. */
export function factRows(account: AccountSummary, { l10n, locale }: RowTexts): readonly Row[] {
  const { id, windows, lastError } = account;
  const compact = (amount: number) => new Intl.NumberFormat(locale, { notation: 'compact' }).format(amount);
  return [
    ...(account.state === 'ready' || account.reason === undefined
      ? []
      : [
          {
            id: `${id}/state`,
            label: account.reason,
            ...(account.fix !== undefined && {
              description: account.fix,
              tooltip: `${account.reason}\n${account.fix}`,
            }),
            icon: 'info',
          },
        ]),
    ...windows.map((window) => windowRow(id, window, { l10n, locale })),
    {
      id: `${id}/today`,
      label: describeRequests(account.requestsToday, l10n),
      description: l10n.t(
        '{0} tokens in, {1} out',
        compact(account.inputTokensToday),
        compact(account.outputTokensToday),
      ),
      icon: 'graph',
    },
    ...(lastError === undefined
      ? []
      : [
          {
            id: `${id}/error`,
            label: l10n.t('Last error: {0}', describeReason(lastError.code, l10n)),
            description: describeTime(lastError.atMs, locale),
            icon: 'warning',
          },
        ]),
  ];
}

function windowRow(accountId: string, window: WindowSummary, { l10n, locale }: RowTexts): Row {
  const { name, left, usedRequests, usedTokens, resetsMs } = window;
  const compact = new Intl.NumberFormat(locale, { notation: 'compact' });
  const description =
    left === undefined
      ? l10n.t('{0} requests, {1} tokens', usedRequests, compact.format(usedTokens))
      : l10n.t('{0} % left, fresh {1}', Math.floor(left * 100), describeTime(resetsMs, locale));
  return { id: `${accountId}/${name}`, label: windowName(name, l10n), description, icon: 'pie-chart' };
}
