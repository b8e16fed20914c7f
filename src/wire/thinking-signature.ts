/**
 * What stands in the `signature` of thinking that this proxy handed out. Clients treat it as opaque and send it back; it
 * proves nothing. Two kinds:
 *
 * | signature                | thinking that                                                                     |
 * |--------------------------|-----------------------------------------------------------------------------------|
 * | `qp1.t.<base64url text>` | was translated; the text stands in it where the client asked for none (`display: omitted`) |
 * | `qp1.n.<tag>.<original>` | came from an endpoint that signs by itself, for the account of this tag              |
 */
export type ThinkingSignature =
  | { readonly kind: 'translated'; readonly text: string }
  | { readonly kind: 'native'; readonly account: string; readonly original: string };

/** @param hiddenText The thinking itself, where the client is not shown it. */
export function signTranslated(hiddenText = ''): string {
  return `qp1.t.${Buffer.from(hiddenText).toString('base64url')}`;
}

/** Marks another signer's signature with the account it is good for. */
export function signNative(account: string, original: string): string {
  return `qp1.n.${account}.${original}`;
}

/** Reads a signature that came back; `undefined` for one that is not ours. */
export function readSignature(signature: unknown): ThinkingSignature | undefined {
  if (typeof signature !== 'string') return undefined;
  const [, hidden] = /^qp1\.t\.([\w-]*)$/.exec(signature) ?? [];
  if (hidden !== undefined) return { kind: 'translated', text: Buffer.from(hidden, 'base64url').toString() };
  const [, account, original] = /^qp1\.n\.([\w-]+)\.(.*)$/s.exec(signature) ?? [];
  return account !== undefined && original !== undefined ? { kind: 'native', account, original } : undefined;
}
