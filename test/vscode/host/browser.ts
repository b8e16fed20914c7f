import { type BrowserContext, chromium } from 'playwright-core';
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

const serverKeyHalf = Buffer.alloc(32, 7);

/**
 * Starts Chromium, without a visible window, with one context: a person at a browser, whose pages are windows that share
 * storage, secrets and clipboard. Close `context.browser()` to end both.
 */
export async function launchContext(locale = 'en-US'): Promise<BrowserContext> {
  const browser = await chromium.launch({ executablePath: await ensureChromium(), args: flags });
  try {
    const context = await browser.newContext({
      locale,
      reducedMotion: 'reduce',
      viewport: { width: 1280, height: 800 },
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    // The server's half of the key that seals SecretStorage in the browser: code-server's front end hands it out, which
    // these tests run without. Without it every secret is lost with the page.
    await context.route('**/mint-key', (route) => route.fulfill({ body: serverKeyHalf }));
    return context;
  } catch (error) {
    await browser.close();
    throw error;
  }
}
