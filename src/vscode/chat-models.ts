import * as vscode from 'vscode';
import type { App } from './app.ts';
import type { ChatBackend } from './chat/main.ts';

/** Contributed in the manifest under the same name. */
const vendor = 'qwen-proxy';

/**
 * Offers the accounts' models in the editor's own model picker. Editors without that API go without; what does the work
 * is loaded when somebody asks for a model.
 */
export function registerChatModels(app: App): vscode.Disposable {
  // Forks of the editor may lack the API although their version has it.
  if (typeof vscode.lm?.registerLanguageModelChatProvider !== 'function') return { dispose() {} };
  let loaded: Promise<ChatBackend> | undefined;
  const load = () => {
    loaded ??= import('./chat/main.ts').then(({ createChatBackend }) => createChatBackend(app));
    return loaded;
  };
  const changed = new vscode.EventEmitter<void>();
  let known = '';
  const watch = app.host.onDidChangeSnapshot(({ url, accounts }) => {
    const now = JSON.stringify([url, accounts.map(({ id, enabled }) => [id, enabled])]);
    if (now === known) return;
    known = now;
    changed.fire();
  });
  const registration = vscode.lm.registerLanguageModelChatProvider(vendor, {
    onDidChangeLanguageModelChatInformation: changed.event,
    provideLanguageModelChatInformation: async (...call) => (await load()).provideLanguageModelChatInformation(...call),
    provideLanguageModelChatResponse: async (...call) => (await load()).provideLanguageModelChatResponse(...call),
    provideTokenCount: async (...call) => (await load()).provideTokenCount(...call),
  });
  return vscode.Disposable.from(registration, watch, changed);
}
