import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import type { Event } from '../core/contracts.ts';
import { createEmitter } from '../core/emitter.ts';
import type { LoginAction, LoginHostMessage, LoginPageMessage, LoginView } from '../webview/login-messages.ts';

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
    const assets = vscode.Uri.joinPath(extensionUri, 'dist', 'webview');
    const title = vscode.l10n.t('Qwen sign-in');
    const options = { enableScripts: true, localResourceRoots: [assets] };
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
    made.webview.html = toHtml(made.webview, assets, title);
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

function toHtml(webview: vscode.Webview, assets: vscode.Uri, title: string): string {
  const nonce = randomBytes(16).toString('base64');
  const policy = `default-src 'none'; style-src ${webview.cspSource}; script-src 'nonce-${nonce}'`;
  const script = webview.asWebviewUri(vscode.Uri.joinPath(assets, 'login.js'));
  const style = webview.asWebviewUri(vscode.Uri.joinPath(assets, 'login.css'));
  return `<!DOCTYPE html>
<html lang="${vscode.env.language}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${style.toString()}">
<title>${title}</title>
</head>
<body>
<main></main>
<script nonce="${nonce}" src="${script.toString()}"></script>
</body>
</html>`;
}
