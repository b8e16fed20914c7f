import type { Page } from 'playwright-core';

/** What the workbench reports about a test run inside the extension host. */
export interface Automation {
  /** Exit code of `run()`; settles only in a window that was opened with `extensionTestsPath`. */
  readonly exit: Promise<number>;
  /** The lines the extension host printed. */
  output(): string;
}

const extensionHostPrefix = /^%c\[Extension Host\] %c/;

/** Exposes the two functions that the workbench calls; to be called before the page is opened. */
export async function exposeAutomation(page: Page, onLine: (line: string) => void): Promise<Automation> {
  const lines: string[] = [];
  let settleExit: (code: number) => void;
  const exit = new Promise<number>((resolve) => {
    settleExit = resolve;
  });
  await page.exposeFunction('codeAutomationExit', (code: number) => settleExit(code));
  await page.exposeFunction('codeAutomationLog', (_type: string, parts: unknown[]) => {
    console.error('RAW', _type, JSON.stringify(parts).slice(0, 400));
    const line = extensionHostLine(parts);
    if (line === undefined) return;
    lines.push(line);
    onLine(line);
  });
  return { exit, output: () => lines.join('\n') };
}

function extensionHostLine([format, ...rest]: unknown[]): string | undefined {
  if (typeof format !== 'string' || !extensionHostPrefix.test(format)) return undefined;
  return rest.join(' ');
}
