import { basename } from 'node:path';
import * as vscode from 'vscode';

const scheme = 'qwen-proxy-client';

/** The question lies over the first lines of the editor; nothing of the file may be hidden by it. */
const roomForQuestion = '\n'.repeat(5);

/** What a diff shows. */
export interface DiffView {
  readonly title: string;
  readonly path: string;
  readonly before: string;
  readonly after: string;
  /** Shown as dots: other extensions can read what is open in an editor. */
  readonly secret: string;
}

/** Shows two texts side by side while `ask` asks about them, and closes them again. */
export async function withDiff<Answer>(view: DiffView, ask: () => Thenable<Answer>): Promise<Answer> {
  const masked = (text: string) => (view.secret === '' ? text : text.replaceAll(view.secret, '••••••••'));
  const shown = (text: string) => roomForQuestion + masked(text);
  const texts: Readonly<Record<string, string>> = { before: shown(view.before), after: shown(view.after) };
  const provider = vscode.workspace.registerTextDocumentContentProvider(scheme, {
    provideTextDocumentContent: ({ authority }) => texts[authority] ?? '',
  });
  // As JSON with comments: a client's own comments are no errors.
  const name = basename(view.path).replace(/\.json$/, '.jsonc');
  const uriOf = (side: string) => vscode.Uri.from({ scheme, authority: side, path: `/${name}` });
  try {
    await vscode.commands.executeCommand('vscode.diff', uriOf('before'), uriOf('after'), view.title, { preview: true });
    return await ask();
  } finally {
    const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
    await vscode.window.tabGroups.close(tabs.filter(isOurs));
    provider.dispose();
  }
}

const isOurs = ({ input }: vscode.Tab) => input instanceof vscode.TabInputTextDiff && input.modified.scheme === scheme;
