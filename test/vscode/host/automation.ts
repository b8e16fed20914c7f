import { format } from 'node:util';
import type { Page } from 'playwright-core';

/** What the workbench reports about a test run inside the extension host. */
export interface Automation {
  /** Exit code of `run()`; settles only in a window that was opened with `extensionTestsPath`. */
  readonly exit: Promise<number>;
  /** What the tests printed. */
  output(): string;
  /** Everything else: the log of the workbench and of other extensions. */
  workbenchLog(): string;
}

/** Begins each line of `test/vscode/suite/index.cjs`: the log has no other sign of where a line comes from. */
const testPrefix = 'test| ';

/** Exposes the two functions that the workbench calls; to be called before the page is opened. */
export async function exposeAutomation(page: Page, onTestOutput: (line: string) => void): Promise<Automation> {
  const output: string[] = [];
  const workbenchLog: string[] = [];
  const exit = Promise.withResolvers<number>();
  await page.exposeFunction('codeAutomationExit', (code: number) => exit.resolve(code));
  await page.exposeFunction('codeAutomationLog', (type: string, parts: unknown[]) => {
    const text = format(...parts);
    if (!text.startsWith(testPrefix)) {
      workbenchLog.push(`${type}: ${text}`);
      return;
    }
    for (const line of text.slice(testPrefix.length).split('\n')) {
      output.push(line);
      onTestOutput(line);
    }
  });
  return { exit: exit.promise, output: () => output.join('\n'), workbenchLog: () => workbenchLog.join('\n') };
}
