import type { Frame, Page } from 'playwright-core';
import { waitFor } from './wait.ts';

/** Decides whether a frame is the wanted webview, for example by looking for an element in it. */
export type FramePredicate = (frame: Frame) => Promise<boolean> | boolean;

/**
 * Waits for the document that an extension gave to a webview. It sits two frames below the workbench: an outer frame
 * of VS Code's own, and in it the frame with the content, which is replaced whenever the extension sets new HTML.
 */
export async function webviewFrame(page: Page, predicate: FramePredicate = () => true): Promise<Frame> {
  const describe = () => JSON.stringify(page.frames().map((frame) => frame.url()));
  return await waitFor('a webview', () => findFrame(page, predicate), { describe });
}

async function findFrame(page: Page, predicate: FramePredicate): Promise<Frame | undefined> {
  for (const frame of page.frames()) {
    const outer = frame.parentFrame();
    if (!outer?.url().includes('/webview/browser/pre/')) continue;
    // While HTML is replaced, the old document and the coming one stand side by side.
    if ((await (await frame.frameElement()).getAttribute('id')) !== 'active-frame') continue;
    if (!(await (await outer.frameElement()).isVisible())) continue;
    if (await predicate(frame)) return frame;
  }
  return undefined;
}
