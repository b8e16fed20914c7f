import type { Page } from 'playwright-core';
import { visibleText, waitFor } from './wait.ts';

/** An item of the status bar; every call reads it anew. */
export interface StatusBarItem {
  text(): Promise<string>;
  ariaLabel(): Promise<string>;
  /** Text of the hover that appears under the pointer. */
  tooltip(): Promise<string>;
  click(): Promise<void>;
  /** Waits until the text fits and returns it. */
  waitForText(pattern: RegExp): Promise<string>;
}

/** Waits for an item whose text, accessible name or id (`publisher.extension.item`) fits. */
export async function statusBarItem(page: Page, pattern: RegExp): Promise<StatusBarItem> {
  const items = page.locator('.part.statusbar .statusbar-item');
  const names = () =>
    items.evaluateAll((elements) =>
      elements.map((element) => [element.id, element.getAttribute('aria-label') ?? '', element.textContent ?? '']),
    );
  const describe = async () => JSON.stringify(await names());
  const index = async () => (await names()).findIndex((candidates) => candidates.some((name) => pattern.test(name)));
  await waitFor(`a status bar item like ${pattern}`, async () => (await index()) >= 0, { describe });
  const id = await items.nth(await index()).getAttribute('id');
  const item = page.locator(`.part.statusbar [id="${id}"]`);
  const text = () => visibleText(item);
  return {
    text,
    ariaLabel: async () => (await item.getAttribute('aria-label')) ?? '',
    async tooltip() {
      const hover = page.locator('.workbench-hover-container .monaco-hover:visible').last();
      await item.hover();
      await waitFor(`the tooltip of ${pattern}`, () => hover.isVisible());
      return await visibleText(hover);
    },
    click: () => item.locator('.statusbar-item-label').click(),
    waitForText: (expected) =>
      waitFor(
        `status bar text like ${expected}`,
        async () => {
          const current = await text();
          return expected.test(current) && current;
        },
        { describe: text },
      ),
  };
}
