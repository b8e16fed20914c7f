/** The part of `vscode.l10n` that texts need; files that only make texts take it as an argument and run without an editor. */
export interface Translator {
  t(message: string, ...args: (string | number | boolean)[]): string;
}
