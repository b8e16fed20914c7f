import type { Locator } from 'playwright-core';

/** How long a window may take for one step. Generous: two cores run server, extension host and browser at once. */
const stepTimeoutMs = 60_000;

const pollMs = 50;

/**
 * Polls until `probe` gives something other than `undefined` or `false`. A timeout names what was awaited and, from
 * `describe`, what was there instead.
 */
export async function waitFor<T>(
  awaited: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  options: { timeoutMs?: number | undefined; describe?: () => Promise<string> | string } = {},
): Promise<T> {
  const { timeoutMs = stepTimeoutMs, describe } = options;
  const deadline = Date.now() + timeoutMs;
  let lastError: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    if (Date.now() >= deadline) {
      const seen = describe ? `; seen: ${await describe()}` : '';
      throw new Error(`Waited ${timeoutMs} ms for ${awaited}${seen}`, { cause: lastError });
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** Rejects with a message that says what was awaited when `promise` does not settle in time. */
export async function within<T>(awaited: string, promise: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited ${timeoutMs} ms for ${awaited}`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** Text of an element as a user reads it: what is rendered, with its line breaks. */
export async function visibleText(locator: Locator): Promise<string> {
  // biome-ignore lint/performance/useDomNodeTextContent: textContent would include what is hidden and join lines
  return (await locator.innerText()).trim();
}
