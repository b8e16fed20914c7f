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
  return await waitFor('a webview', async () => await firstOf(contentFrames(page), predicate), { describe });
}

function contentFrames(page: Page): Frame[] {
  return page.frames().filter((frame) => frame.name() === '' || frame.parentFrame() !== page.mainFrame()).filter(
    (frame) => frame.parentFrame()?.url().includes('/webview/browser/pre/') === true,
  );
}

async function firstOf(frames: Frame[], predicate: FramePredicate): Promise<Frame | undefined> {
  for (const frame of frames) {
    if (await predicate(frame)) return frame;
  }
  return undefined;
}
