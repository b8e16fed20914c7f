import type { Locator, Page } from 'playwright-core';
import { waitFor } from './wait.ts';

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
  const list = page.locator('.quick-input-widget .quick-input-list');
  const rows = list.locator('.monaco-list-row');
  const labels = async () => {
    const texts = await rows.locator('.label-name').allTextContents();
    return texts.map((text) => text.trim());
  };
  const describe = async () => JSON.stringify(await labels());
  const shown = async () => {
    const found = (await list.isVisible()) ? await labels() : [];
    return found.length > 0 && found;
  };
  // The next pick or box reuses the same elements: whoever asks for it right away must not read this one.
  const state = async () => (await list.isVisible()) && `${await inputOf(page).inputValue()}${await describe()}`;
  const clickRow = async (label: string) => {
    const index = (await labels()).indexOf(label);
    if (index < 0) return false;
    const before = await state();
    await rows.nth(index).click({ timeout: 2000 });
    await waitFor(`the quick pick to react to "${label}"`, async () => (await state()) !== before);
    return true;
  };
  return {
    labels: () => waitFor('a quick pick with rows', shown),
    async choose(label) {
      await waitFor(`a quick pick with "${label}"`, shown);
      if (await clickRow(label)) return;
      await inputOf(page).fill(label);
      await waitFor(`the quick pick row "${label}"`, () => clickRow(label), { describe });
    },
    cancel: () => cancel(page),
  };
}

/** The input box of a window. */
export function inputBoxOf(page: Page): InputBox {
  const list = page.locator('.quick-input-widget .quick-input-list');
  const shown = () =>
    waitFor('an input box', async () => (await inputOf(page).isVisible()) && !(await list.isVisible()));
  return {
    async type(text) {
      await shown();
      await inputOf(page).fill(text);
    },
    async accept() {
      await shown();
      await inputOf(page).press('Enter');
    },
    async message() {
      await shown();
      return (await page.locator('.quick-input-message').innerText()).trim();
    },
    async isPassword() {
      await shown();
      return (await inputOf(page).getAttribute('type')) === 'password';
    },
    cancel: () => cancel(page),
  };
}

/** Runs a command by its full title ("Category: Title") through the command palette. */
export async function runCommand(page: Page, title: string): Promise<void> {
  await openPalette(page);
  await inputOf(page).fill(`>${title}`);
  await quickPickOf(page).choose(title);
}

async function openPalette(page: Page): Promise<void> {
  // A key pressed while the workbench still moves its focus is lost, so press until the palette is there.
  await waitFor('the command palette', async () => {
    await page.keyboard.press('F1');
    const input = inputOf(page);
    await input.waitFor({ state: 'visible', timeout: 2000 });
    return (await input.inputValue()).startsWith('>');
  });
}

function inputOf(page: Page): Locator {
  return page.locator('.quick-input-widget .quick-input-filter input').first();
}

async function cancel(page: Page): Promise<void> {
  await inputOf(page).press('Escape');
  await waitFor('the quick input to close', () => page.locator('.quick-input-widget').isHidden());
}
