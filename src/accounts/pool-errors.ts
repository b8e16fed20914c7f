import { GatewayError } from '../core/errors.ts';
import type { Standing } from './health.ts';

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
  const isPassing = entries.some((entry) => entry.state === 'cooling');
  return new GatewayError(isPassing ? 'accounts_cooling' : 'quota_exhausted', message, {
    retryAfterMs: Math.max(1_000, Math.min(...ends) - nowMs),
  });
}

/** No plan among the accounts has the model. */
export function noModel(asked: string | undefined): GatewayError {
  const message =
    asked === undefined
      ? 'None of your accounts offers a model for requests that name none.'
      : `None of your accounts offers the model ${asked}.`;
  return new GatewayError('model_not_found', message, { param: 'model' });
}
