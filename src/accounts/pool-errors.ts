import { type ErrorCode, GatewayError } from '../core/errors.ts';
import type { WireFormat } from '../core/upstream.ts';
import type { Standing } from './health.ts';

/** Waiting helps none of these: what is asked for is not to be had from the account. */
const unavailable: ReadonlySet<ErrorCode> = new Set([
  'model_not_found',
  'model_not_allowed',
  'access_denied',
  'wrong_path',
]);

/** Nobody to ask at all. */
export function noAccount(stored: number): GatewayError {
  return stored === 0
    ? new GatewayError('no_account', 'No Qwen account is set up.', {
        fix: 'Run “Qwen: Login” in VS Code, or `accounts add` on the command line.',
      })
    : new GatewayError('no_account', 'Every Qwen account is switched off.', { fix: 'Enable an account.' });
}

/** Tells a client truly when it is worth coming back, and a person why nothing can serve. */
export function nothingReady(entries: readonly (Standing & { readonly label: string })[], nowMs: number): GatewayError {
  const reasons = entries.map((entry) => `${entry.label}: ${entry.state}${entry.reason ? ` (${entry.reason})` : ''}`);
  const message = `No Qwen account can serve this now. ${reasons.join(' · ')}`;
  const ends = entries.flatMap((entry) => (entry.untilMs === undefined ? [] : [entry.untilMs]));
  if (ends.length === 0) {
    const refused = entries.find((entry) => entry.state === 'unauthorized');
    return new GatewayError(refused ? 'unauthorized' : 'no_account', message, { fix: refused?.fix });
  }
  const codes = entries.flatMap(({ code }) => (code !== undefined && unavailable.has(code) ? [code] : []));
  // A client waits for a quota as long as it is told to; a model that is not there must not look like one.
  if (codes[0] !== undefined && codes.length === entries.length)
    return new GatewayError(codes[0], message, {
      ...(codes[0] !== 'wrong_path' && { param: 'model' }),
      fix: entries[0]?.fix,
    });
  const isPassing = entries.some((entry) => entry.state === 'cooling');
  return new GatewayError(isPassing ? 'accounts_cooling' : 'quota_exhausted', message, {
    retryAfterMs: Math.max(1_000, Math.min(...ends) - nowMs),
  });
}

/** No plan among the accounts has the model, or can serve what is asked of it. */
export function noModel(asked: string | undefined, format?: WireFormat): GatewayError {
  if (format === 'openai-embeddings')
    return new GatewayError(
      'model_not_found',
      asked === undefined
        ? 'None of your accounts serves embeddings.'
        : `None of your accounts serves embeddings with the model ${asked}.`,
      {
        param: 'model',
        fix: 'Embeddings need a standard Model Studio key (China, International or a workspace) or a custom endpoint, and an embedding model such as text-embedding-v4: add one with “Qwen: Login” in VS Code, or `accounts add` on the command line.',
      },
    );
  const message =
    asked === undefined
      ? 'None of your accounts offers a model for requests that name none.'
      : `None of your accounts offers the model ${asked}.`;
  return new GatewayError('model_not_found', message, { param: 'model' });
}
