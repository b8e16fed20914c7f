import type { Locator, Page } from 'playwright-core';
import { waitFor } from './wait.ts';

/** A tree in the side bar, driven as a user would. */
export interface TreeView {
  /** Accessible names of the rows that are shown, top to bottom. */
  rows(): Promise<string[]>;
  /** Waits for a row whose accessible name fits. */
  row(name: RegExp): Promise<Locator>;
  /** Clicks an inline button of a row, which the pointer brings out. */
  press(row: RegExp, button: string): Promise<void>;
  /** Opens what is below a row. */
  expand(row: RegExp): Promise<void>;
  collapse(row: RegExp): Promise<void>;
  /** Drags one row onto another. */
  drag(from: RegExp, to: RegExp): Promise<void>;
}

/** Opens a container of the activity bar, which may be open already. */
export async function openContainer(page: Page, title: string): Promise<void> {
  const item = page.locator('.activitybar .action-item', { has: page.locator(`a[aria-label^="${title}"]`) }).first();
  await waitFor(`"${title}" in the activity bar`, async () => {
    if (!(await item.isVisible())) return false;
    if ((await item.getAttribute('class'))?.includes('checked')) return true;
    await item.click();
    return false;
  });
}

/** The tree of the pane with this title. */
export function treeViewOf(page: Page): TreeView {
  const list = page.locator('.sidebar .tree-explorer-viewlet-tree-view');
  const all = list.locator('.monaco-list-row');
  const names = () => all.evaluateAll((rows) => rows.map((row) => row.getAttribute('aria-label') ?? ''));
  const row = (name: RegExp) =>
    waitFor(
      `a row like ${name}`,
      async () => {
        const index = (await names()).findIndex((each) => name.test(each));
        return index < 0 ? undefined : all.nth(index);
      },
      { describe: async () => JSON.stringify(await names()) },
    );
  const toggle = (name: RegExp, isExpanded: 'true' | 'false') =>
    waitFor(`${name} to have aria-expanded=${isExpanded}`, async () => {
      const found = await row(name);
      if ((await found.getAttribute('aria-expanded')) === isExpanded) return true;
      await found.locator('.monaco-tl-twistie').click({ timeout: 2_000 });
      return false;
    }).then(() => {});
  return {
    rows: names,
    row,
    async press(name, button) {
      await waitFor(`the button "${button}" of ${name}`, async () => {
        const found = await row(name);
        await found.hover({ timeout: 2_000 });
        await found.locator(`.actions a[aria-label="${button}"]`).click({ timeout: 2_000 });
        return true;
      });
    },
    expand: (name) => toggle(name, 'true'),
    collapse: (name) => toggle(name, 'false'),
    async drag(from, to) {
      await (await row(from)).dragTo(await row(to));
    },
  };
}
