import type { ProbeVerdict } from '../core/control.ts';
import type { SignInStart } from '../core/sign-in.ts';
import type { LoginButton, LoginState, LoginView } from '../webview/login-messages.ts';
import type { Translator } from './translator.ts';

/** Where a sign-in stands. */
export type SignInProgress =
  | { readonly state: 'starting' }
  | { readonly state: 'waiting'; readonly start: SignInStart; readonly slowDown: boolean }
  | { readonly state: 'expired' | 'denied' | 'cancelled' }
  | { readonly state: 'failed'; readonly message: string }
  | { readonly state: 'connected' | 'refused'; readonly label: string; readonly verdict: ProbeVerdict };

/** What the page shows for it. */
export function toLoginView(progress: SignInProgress, l10n: Translator): LoginView {
  const common = {
    title: l10n.t('Qwen sign-in'),
    note: freeTierNote(l10n),
    state: progress.state,
    status: signInStatus(progress, l10n),
    buttons: buttonsOf(progress.state, l10n),
  };
  switch (progress.state) {
    case 'waiting':
      return {
        ...common,
        hint: l10n.t('Scan the code or open the page, then confirm there. This page may be closed meanwhile.'),
        countdown: { expiresAtMs: progress.start.expiresAtMs, template: l10n.t('Expires in {0}', '{0}') },
        ...deviceOf(progress.start, l10n),
      };
    case 'connected':
    case 'refused': {
      const { fix } = progress.verdict;
      return fix === undefined ? common : { ...common, hint: fix };
    }
    default:
      return common;
  }
}

/** The plain truth about this account kind, told before the effort of a sign-in. */
export function freeTierNote(l10n: Translator): string {
  return l10n.t('The free tier ended on 2026-04-15: a sign-in may succeed and its requests still be refused.');
}

/** The state in one sentence, for the page and for the notifications. */
export function signInStatus(progress: SignInProgress, l10n: Translator): string {
  switch (progress.state) {
    case 'starting':
      return l10n.t('Asking for a code…');
    case 'waiting':
      return progress.slowDown
        ? l10n.t('Waiting for your confirmation… The server asked for slower checks, so this may take a little longer.')
        : l10n.t('Waiting for your confirmation…');
    case 'expired':
      return l10n.t('The code expired before it was confirmed.');
    case 'denied':
      return l10n.t('The sign-in was denied.');
    case 'cancelled':
      return l10n.t('The sign-in was cancelled.');
    case 'failed':
      return l10n.t('The sign-in failed: {0}', progress.message);
    case 'connected':
      return l10n.t('{0} is connected.', progress.label);
    case 'refused':
      return l10n.t('Signed in as {0}, but requests are refused: {1}', progress.label, progress.verdict.message);
  }
}

/** The address to open, scan and copy; `undefined` where the server named something that is no web page. */
export function signInUrl(start: SignInStart): string | undefined {
  return toOpenableUrl(start.verificationUriComplete) ?? toOpenableUrl(start.verificationUri);
}

function toOpenableUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : undefined;
}

function deviceOf(start: SignInStart, l10n: Translator): Pick<LoginView, 'device'> {
  const url = signInUrl(start);
  if (url === undefined) return {};
  return {
    device: {
      qrLabel: l10n.t('QR code of the address {0}', url),
      codeLabel: l10n.t('Code'),
      userCode: start.userCode,
      copyCode: { action: 'copy-code', label: l10n.t('Copy Code') },
      urlLabel: l10n.t('Address'),
      url,
      copyUrl: { action: 'copy-url', label: l10n.t('Copy Address') },
      open: { action: 'open', label: l10n.t('Open in Browser') },
    },
  };
}

function buttonsOf(state: LoginState, l10n: Translator): readonly LoginButton[] {
  const retry: LoginButton = { action: 'retry', label: l10n.t('Try Again') };
  const showLog: LoginButton = { action: 'show-log', label: l10n.t('Show Log') };
  switch (state) {
    case 'starting':
    case 'waiting':
      return [];
    case 'expired':
    case 'denied':
    case 'cancelled':
      return [retry];
    case 'failed':
    case 'refused':
      return [retry, showLog];
    case 'connected':
      return [{ action: 'close', label: l10n.t('Close') }];
  }
}
