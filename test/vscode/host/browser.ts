import { type Browser, type BrowserContext, chromium } from 'playwright-core';
import { ensureChromium } from '../../../scripts/vscode-host.mjs';

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Whatever the workbench may want from the internet: these tests talk to this machine alone.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
];

/** Starts Chromium without a visible window. */
export async function launchBrowser(): Promise<Browser> {
  return await chromium.launch({ executablePath: await ensureChromium(), args: flags });
}

/** A context is one person at one browser: its pages are windows that share storage, secrets and clipboard. */
export async function newContext(browser: Browser, locale = 'en-US'): Promise<BrowserContext> {
  return await browser.newContext({
    locale,
    viewport: { width: 1280, height: 800 },
    permissions: ['clipboard-read', 'clipboard-write'],
  });
}

/** A context in a browser of its own: closing the context's browser ends both. */
export async function launchContext(locale?: string): Promise<BrowserContext> {
  const browser = await launchBrowser();
  try {
    return await newContext(browser, locale);
  } catch (error) {
    await browser.close();
    throw error;
  }
}
