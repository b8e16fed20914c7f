import { GatewayError } from './errors.ts';

/** What one client key may use; what is absent is not limited. */
export interface ClientKeyLimits {
  /** A pause is paid back evenly: 60 a minute are one a second, and 60 at once after a minute of rest. */
  readonly requestsPerMinute?: number;
  /** Input and output of a UTC day. The request that passes the limit is served to its end. */
  readonly tokensPerDay?: number;
  /** Requests under way at once, streams and others. */
  readonly concurrentRequests?: number;
  /** Models it may ask for, by the names that clients send; a `*` at the end stands for anything. */
  readonly models?: readonly string[];
}

/** A client key that somebody has been given. The key itself is known to its owner alone. */
export interface NamedClientKey {
  readonly name: string;
  /** SHA-256 of the key, hex. It is drawn from 256 bits, so that no slow hash is needed. */
  readonly digest: string;
  /** Epoch milliseconds. */
  readonly createdAtMs: number;
  readonly limits: ClientKeyLimits;
}

/** May this key, if it is a named one, ask for the model by the name that clients send? */
export function mayUseModel(key: Pick<NamedClientKey, 'limits'> | undefined, model: string): boolean {
  const models = key?.limits.models;
  return models === undefined || models.some((pattern) => matches(model, pattern));
}

/** @throws GatewayError `forbidden` for a model that is not the key's. */
export function checkModel(key: NamedClientKey | undefined, model: string): void {
  if (key === undefined || mayUseModel(key, model)) return;
  throw new GatewayError('forbidden', `The key "${key.name}" may not use the model ${model}.`, {
    param: 'model',
    fix: `It may use ${key.limits.models?.join(', ')}.`,
  });
}

const matches = (model: string, pattern: string) =>
  pattern.endsWith('*') ? model.startsWith(pattern.slice(0, -1)) : model === pattern;
