import * as vscode from 'vscode';

/** One question of a login. */
export interface Question {
  readonly title: string;
  readonly prompt: string;
  readonly placeholder?: string;
  readonly password?: boolean;
  /** What stands there already. */
  readonly value?: string;
  /** Where the answer can be found; a button opens it. */
  readonly helpUrl?: string | undefined;
  /** Why this text will not do; `undefined` = it will. */
  readonly validate: (text: string) => string | undefined;
}

/**
 * Asks for one line of text, trimmed; `undefined` when the user left. The box stays while another window has the focus,
 * because the key is usually fetched from a browser.
 */
export function ask(question: Question): Promise<string | undefined> {
  const box = vscode.window.createInputBox();
  box.title = question.title;
  box.prompt = question.prompt;
  box.placeholder = question.placeholder;
  box.password = question.password ?? false;
  box.value = question.value ?? '';
  box.ignoreFocusOut = true;
  const { helpUrl } = question;
  if (helpUrl !== undefined) {
    const tooltip = vscode.l10n.t('Open the page with the key');
    box.buttons = [{ iconPath: new vscode.ThemeIcon('link-external'), tooltip }];
    box.onDidTriggerButton(() => vscode.env.openExternal(vscode.Uri.parse(helpUrl, true)));
  }
  return new Promise((resolve) => {
    box.onDidChangeValue(() => {
      box.validationMessage = undefined;
    });
    box.onDidAccept(() => {
      const text = box.value.trim();
      box.validationMessage = question.validate(text);
      if (box.validationMessage !== undefined) return;
      resolve(text);
      box.dispose();
    });
    box.onDidHide(() => {
      resolve(undefined);
      box.dispose();
    });
    box.show();
  });
}
