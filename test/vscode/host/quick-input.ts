import type { Locator, Page } from 'playwright-core';
import { visibleText, waitFor } from './wait.ts';

/** A list of choices, as `window.showQuickPick` shows it. */
export interface QuickPick {
  /** Labels of the rows that are shown (the list draws what fits the window). */
  labels(): Promise<string[]>;
  /** Clicks the row of this label, filtering the list by it first when the row is out of sight. */
  choose(label: string): Promise<void>;
  /** Closes it without a choice. */
  cancel(): Promise<void>;
}

/** A line of text, as `window.showInputBox` asks for it. */
export interface InputBox {
  /** Replaces what is in the box; nothing is accepted yet. */
  type(text: string): Promise<void>;
  /** Accepts what was typed with Enter. */
  accept(): Promise<void>;
  /** The prompt, or the complaint about what was typed. */
  message(): Promise<string>;
  /** Whether typed characters are hidden, as for a key. */
  isPassword(): Promise<boolean>;
  cancel(): Promise<void>;
}

/** The quick pick of a window. */
export function quickPickOf(page: Page): QuickPick {
  return {
    labels: () => waitFor('a quick pick with rows', () => shownLabels(page)),
    async choose(label) {
      await waitFor(`a quick pick with "${label}"`, () => shownLabels(page));
      // The rows of the list before may still be there for a moment.
      if (await clickRow(page, label).catch(() => false)) return;
      await inputOf(page).fill(label);
      await waitForRow(page, label);
    },
    cancel: () => cancel(page),
  };
}

/** The input box of a window. */
export function inputBoxOf(page: Page): InputBox {
  const input = inputOf(page);
  const shown = () =>
    waitFor('an input box', async () => (await input.isVisible()) && !(await listOf(page).isVisible()));
  return {
    async type(text) {
      await shown();
      await input.fill(text);
    },
    async accept() {
      await shown();
      const before = await boxState(page);
      await input.press('Enter');
      // The next step reuses the same elements: whoever types right away must not fill this one.
      await waitFor('the input box to react to Enter', async () => (await boxState(page)) !== before);
    },
    async message() {
      await shown();
      return await visibleText(page.locator('.quick-input-message'));
    },
    async isPassword() {
      await shown();
      return (await input.getAttribute('type')) === 'password';
    },
    cancel: () => cancel(page),
  };
}

/** Runs a command by its full title ("Category: Title") through the command palette. */
export async function runCommand(page: Page, title: string): Promise<void> {
  const input = inputOf(page);
  // A key pressed while the workbench still moves its focus is lost, so press until the palette is there.
  await waitFor('the command palette', async () => {
    await page.keyboard.press('F1');
    await input.waitFor({ state: 'visible', timeout: 2000 });
    return (await input.inputValue()).startsWith('>');
  });
  await input.fill(`>${title}`);
  await waitForRow(page, title);
}

async function waitForRow(page: Page, label: string): Promise<void> {
  const describe = async () => JSON.stringify(await shownLabels(page));
  await waitFor(`the row "${label}"`, () => clickRow(page, label), { describe });
}

async function clickRow(page: Page, label: string): Promise<boolean> {
  const labels = await shownLabels(page);
  const index = labels ? labels.indexOf(label) : -1;
  if (index < 0) return false;
  const before = await stateOf(page);
  await listOf(page).locator('.monaco-list-row').nth(index).click({ timeout: 2000 });
  // The next pick or box reuses the same elements: whoever asks for it right away must not read this one.
  await waitFor(`the list to react to "${label}"`, async () => (await stateOf(page)) !== before);
  return true;
}

async function stateOf(page: Page): Promise<string> {
  const labels = await shownLabels(page);
  return labels ? JSON.stringify([await inputOf(page).inputValue(), labels]) : '';
}

async function boxState(page: Page): Promise<string> {
  const widget = page.locator('.quick-input-widget');
  if (!(await widget.isVisible())) return 'closed';
  const input = inputOf(page);
  const [title, message] = await Promise.all(
    ['.quick-input-title', '.quick-input-message'].map((name) => widget.locator(name).first().textContent()),
  );
  return JSON.stringify([title, message, await input.getAttribute('placeholder'), await input.getAttribute('type')]);
}

async function shownLabels(page: Page): Promise<string[] | undefined> {
  const list = listOf(page);
  if (!(await list.isVisible())) return undefined;
  // A row may have a second line, the detail, whose text has the same class.
  const texts = await list.locator('.monaco-list-row .quick-input-list-row:first-child .label-name').allTextContents();
  return texts.length > 0 ? texts.map((text) => text.trim()) : undefined;
}

function listOf(page: Page): Locator {
  return page.locator('.quick-input-widget .quick-input-list');
}

function inputOf(page: Page): Locator {
  return page.locator('.quick-input-widget .quick-input-filter input').first();
}

async function cancel(page: Page): Promise<void> {
  await inputOf(page).press('Escape');
  await waitFor('the quick input to close', () => page.locator('.quick-input-widget').isHidden());
}
