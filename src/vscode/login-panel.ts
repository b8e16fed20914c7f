import * as vscode from 'vscode';
import type { Event } from '../core/contracts.ts';
import { createEmitter } from '../core/emitter.ts';
import type { LoginAction, LoginHostMessage, LoginPageMessage, LoginView } from '../webview/login-messages.ts';
import { webviewAssets, webviewPage } from './webview-page.ts';

/** The page of the device flow. It only shows: the flow goes on when it is closed or cannot be made. */
export interface LoginPanel {
  readonly isOpen: boolean;
  readonly onAction: Event<LoginAction>;
  readonly onClose: Event<void>;
  /** Shows `view`, now or as soon as the page is there. */
  render(view: LoginView): void;
  /** Brings the page up, made anew if it was closed. */
  reveal(): void;
  close(): void;
}

const actions = [
  'copy-code',
  'copy-url',
  'open',
  'retry',
  'show-log',
  'close',
] as const satisfies readonly LoginAction[];

export function createLoginPanel(extensionUri: vscode.Uri): LoginPanel {
  const acted = createEmitter<LoginAction>();
  const closed = createEmitter<void>();
  let panel: vscode.WebviewPanel | undefined;
  let isReady = false;
  let current: LoginView | undefined;

  function send(): void {
    if (panel === undefined || !isReady || current === undefined) return;
    const message: LoginHostMessage = { type: 'render', view: current };
    void panel.webview.postMessage(message);
  }

  function open(): vscode.WebviewPanel {
    isReady = false;
    const title = vscode.l10n.t('Qwen sign-in');
    const options = { enableScripts: true, localResourceRoots: [webviewAssets(extensionUri)] };
    const made = vscode.window.createWebviewPanel('qwenProxy.login', title, vscode.ViewColumn.Active, options);
    made.webview.onDidReceiveMessage((message: unknown) => {
      if (!isPageMessage(message)) return;
      if (message.type === 'action') return acted.fire(message.action);
      // Also after the page was hidden and built anew.
      isReady = true;
      send();
    });
    made.onDidDispose(() => {
      if (panel === made) panel = undefined;
      closed.fire();
    });
    made.webview.html = webviewPage(made.webview, extensionUri, 'login', title);
    return made;
  }

  return {
    get isOpen() {
      return panel !== undefined;
    },
    onAction: acted.event,
    onClose: closed.event,
    render(view) {
      current = view;
      send();
    },
    reveal() {
      if (panel === undefined) panel = open();
      else panel.reveal();
    },
    close: () => panel?.dispose(),
  };
}

function isPageMessage(message: unknown): message is LoginPageMessage {
  if (typeof message !== 'object' || message === null || !('type' in message)) return false;
  if (message.type === 'ready') return true;
  return message.type === 'action' && 'action' in message && actions.some((action) => action === message.action);
}
