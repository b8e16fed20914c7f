import type { Locator, Page } from 'playwright-core';
import { visibleText, waitFor } from './wait.ts';

/** A message of `window.show…Message` or the box of a modal one. */
export interface Message {
  readonly text: string;
  /** Captions of its buttons. */
  buttons(): Promise<string[]>;
  click(button: string): Promise<void>;
  /** Closes it without an answer. */
  dismiss(): Promise<void>;
}

/** How long a toast is waited for before the notification centre is opened. */
const toastMs = 8_000;

/** Waits for a notification, as a toast or in the notification centre. */
export async function notification(page: Page, pattern: RegExp, timeoutMs?: number): Promise<Message> {
  const items = page.locator('.notifications-toasts, .notifications-center').locator('.notification-list-item');
  const find = (withinMs?: number) =>
    withText(items, '.notification-list-item-message', pattern, 'a notification', withinMs);
  // A toast hides by itself, and is not shown at all beside others: all of them are behind the bell.
  const item = await find(toastMs).catch(async () => {
    if (!(await page.locator('.notifications-center.visible').isVisible()))
      await page.locator('[id="status.notifications"]').click();
    return find(timeoutMs);
  });
  return {
    ...item,
    dismiss: async () => {
      // A toast slides in and hides by itself: while it does, it is no place for a pointer.
      await item.element.locator('.codicon-notifications-clear').first().dispatchEvent('click');
      await waitFor(`the notification ${pattern} to close`, () => item.element.isHidden());
    },
  };
}

/** Waits for a modal message. */
export async function dialog(page: Page, pattern: RegExp, timeoutMs?: number): Promise<Message> {
  const item = await withText(
    page.locator('.monaco-dialog-box'),
    '.dialog-message-row',
    pattern,
    'a dialog',
    timeoutMs,
  );
  return {
    ...item,
    dismiss: async () => {
      await page.keyboard.press('Escape');
      await waitFor(`the dialog ${pattern} to close`, () => item.element.isHidden());
    },
  };
}

async function withText(items: Locator, messageSelector: string, pattern: RegExp, kind: string, timeoutMs?: number) {
  const element = items.filter({ has: items.page().locator(messageSelector, { hasText: pattern }) }).first();
  const describe = async () => JSON.stringify(await items.locator(messageSelector).allInnerTexts());
  await waitFor(`${kind} with ${pattern}`, () => element.isVisible(), { timeoutMs, describe });
  const text = await visibleText(element.locator(messageSelector));
  const buttons = element.locator('.monaco-button:not(.monaco-dropdown-button)');
  const captions = async () => (await buttons.allInnerTexts()).map((caption) => caption.trim());
  return {
    element,
    text,
    buttons: captions,
    async click(caption: string) {
      const seen = await captions();
      const index = seen.indexOf(caption);
      if (index < 0) throw new Error(`No button "${caption}" on "${text}"; there are ${JSON.stringify(seen)}`);
      await buttons.nth(index).click();
      await waitFor(`"${text}" to close after "${caption}"`, () => element.isHidden());
    },
  };
}
