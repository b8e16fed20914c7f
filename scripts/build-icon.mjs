/** Draws media/icon.svg into media/icon.png, 256 by 256, with a Chromium of this machine. The PNG is committed. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { ensureChromium } from './vscode-host.mjs';

const media = join(import.meta.dirname, '..', 'media');
const size = 256;

const browser = await chromium.launch({ executablePath: await ensureChromium(), args: ['--no-sandbox'] });
try {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  const svg = readFileSync(join(media, 'icon.svg'), 'utf8');
  await page.setContent(`<style>html, body { margin: 0 } svg { display: block; width: ${size}px }</style>${svg}`);
  writeFileSync(join(media, 'icon.png'), await page.screenshot({ omitBackground: true }));
} finally {
  await browser.close();
}
