import * as vscode from 'vscode';
import { systemClock } from '../core/clock.ts';
import type { AccountSummary } from '../core/control.ts';
import { messageOf } from '../core/message-of.ts';
import type { SignInPoll, SignInStart } from '../core/sign-in.ts';
import type { LoginAction } from '../webview/login-messages.ts';
import { type App, offer, showFailure, showLogAction } from './app.ts';
import type { CommandId } from './command-ids.ts';
import { createLoginPanel, type LoginPanel } from './login-panel.ts';
import { type SignInProgress, signInStatus, signInUrl, toLoginView } from './sign-in-view.ts';
import { removeAccount, showVerdict } from './verdict.ts';

/** Runs the device flow, for a new account or to renew one; asked for again while one runs, it shows that one. */
export type SignIn = (account?: Pick<AccountSummary, 'id'>) => Promise<void>;

/** The device flow as a user sees it: a page with a QR code, and a notification that suffices alone. */
export function createSignIn(app: App): { readonly signIn: SignIn; dispose(): void } {
  const panel = createLoginPanel(app.extensionUri);
  let isRunning = false;
  let start: SignInStart | undefined;
  let renewed: Pick<AccountSummary, 'id'> | undefined;
  const show = (progress: SignInProgress) => panel.render(toLoginView(progress, vscode.l10n));

  const signIn: SignIn = async (account) => {
    panel.reveal();
    if (isRunning) return;
    isRunning = true;
    renewed = account;
    let end: SignInEnd;
    try {
      show({ state: 'starting' });
      start = await app.host.startSignIn(account === undefined ? {} : { id: account.id });
      end = await waitWithNotification(app, start, show);
    } catch (error) {
      app.log.error(error instanceof Error ? error : String(error));
      end = { status: 'failed', message: messageOf(error) };
    }
    isRunning = false;
    // What a button of the message below does wrong is no failure of the sign-in.
    await finish(end);
  };

  async function finish(end: SignInEnd): Promise<void> {
    const outcome = toOutcome(end);
    show(outcome);
    const again = { label: vscode.l10n.t('Try Again'), run: () => signIn(renewed) };
    if (end.status === 'complete') {
      const { account, verdict } = end;
      const remove = { label: vscode.l10n.t('Remove Account'), run: () => removeAccount(app, account) };
      const addKey = {
        label: vscode.l10n.t('Add an API Key'),
        run: () => vscode.commands.executeCommand('qwenProxy.addAccount' satisfies CommandId),
      };
      await showVerdict(app, { account, verdict, ways: [addKey, remove] });
    } else if (end.status !== 'cancelled') {
      await offer(vscode.window.showErrorMessage, signInStatus(outcome, vscode.l10n), [again, showLogAction(app)]);
    }
  }

  panel.onAction((action) => {
    if (action === 'retry') void signIn(renewed).catch((error) => showFailure(app, error));
    else act(app, panel, { action, start });
  });
  return { signIn, dispose: () => panel.close() };
}

type SignInEnd = Exclude<SignInPoll, { status: 'pending' }> | { readonly status: 'cancelled' };

/** The notification names code and address, so that it works where no page can be shown; only its Cancel ends the flow. */
function waitWithNotification(
  app: App,
  start: SignInStart,
  show: (progress: SignInProgress) => void,
): Thenable<SignInEnd> {
  const options = {
    location: vscode.ProgressLocation.Notification,
    title: vscode.l10n.t('Qwen sign-in'),
    cancellable: true,
  };
  return vscode.window.withProgress(options, async (progress, token) => {
    show({ state: 'waiting', start, slowDown: false });
    const url = signInUrl(start);
    if (url === undefined) {
      const message = vscode.l10n.t('The server named an address that is no web page.');
      return { status: 'failed', message };
    }
    const link = `[${new URL(url).host}](${url.replace(/[()]/g, encodeURIComponent)})`;
    progress.report({ message: vscode.l10n.t('enter code {0} at {1}', start.userCode, link) });
    const cancelled = new AbortController();
    token.onCancellationRequested(() => cancelled.abort());
    return waitForEnd(app, {
      start,
      signal: cancelled.signal,
      onSlowDown: () => show({ state: 'waiting', start, slowDown: true }),
    });
  });
}

async function waitForEnd(
  app: App,
  { start, signal, onSlowDown }: { start: SignInStart; signal: AbortSignal; onSlowDown: () => void },
): Promise<SignInEnd> {
  let { intervalMs } = start;
  for (;;) {
    try {
      await systemClock.sleep(intervalMs, signal);
    } catch {
      await app.host.cancelSignIn(start.handle);
      return { status: 'cancelled' };
    }
    const poll = await app.host.pollSignIn(start.handle);
    if (poll.status !== 'pending') return poll;
    intervalMs = poll.intervalMs;
    if (poll.slowDown) onSlowDown();
  }
}

function toOutcome(end: SignInEnd): SignInProgress {
  switch (end.status) {
    case 'complete': {
      const { account, verdict } = end;
      return { state: verdict.ok ? 'connected' : 'refused', label: account.label, verdict };
    }
    case 'failed':
      return { state: 'failed', message: end.message };
    default:
      return { state: end.status };
  }
}

function act(
  app: App,
  panel: LoginPanel,
  { action, start }: { action: LoginAction; start: SignInStart | undefined },
): void {
  const url = start && signInUrl(start);
  switch (action) {
    case 'copy-code':
      if (start !== undefined) void vscode.env.clipboard.writeText(start.userCode);
      return;
    case 'copy-url':
      if (url !== undefined) void vscode.env.clipboard.writeText(url);
      return;
    case 'open':
      if (url !== undefined) void vscode.env.openExternal(vscode.Uri.parse(url, true));
      return;
    case 'show-log':
      app.log.show(true);
      return;
    case 'close':
      panel.close();
      return;
    case 'retry':
      return;
  }
}
