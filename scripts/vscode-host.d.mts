/** Types of `vscode-host.mjs`, which stays JavaScript because it has to run on any Node that npm runs on. */

/** Where the VS Code server lies: `node main` starts it. */
export interface VsCodeServerFiles {
  readonly node: string;
  readonly main: string;
  readonly directory: string;
  readonly version: string;
}

/** Path of a Chromium that starts; installs one where that is allowed, else rejects with the command to run. */
export function ensureChromium(): Promise<string>;

/** Installs the VS Code server below `.vscode-test/` unless it is there already. */
export function ensureVsCodeServer(): Promise<VsCodeServerFiles>;
