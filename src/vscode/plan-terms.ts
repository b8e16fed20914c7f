import type { Translator } from './translator.ts';

/** The terms that plans with a subscription share, in the user's language; a test holds them to the server's words. */
export function planTerms(l10n: Translator): string {
  return l10n.t(
    'For interactive coding tools only, by Alibaba Cloud’s terms: no scripts, backends or batch jobs. The key belongs to its one subscriber, must not be shared, and may be suspended.',
  );
}
