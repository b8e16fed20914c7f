import * as v from 'valibot';
import { GatewayError } from '../core/errors.ts';
import { isJsonObject } from '../core/json.ts';

/** Checks a client's body against a schema. @throws GatewayError `invalid_request` naming the field, as in `messages[2].role`. */
export function decodeWith<TSchema extends v.GenericSchema>(schema: TSchema, body: unknown): v.InferOutput<TSchema> {
  if (!isJsonObject(body)) throw new GatewayError('invalid_request', 'The request body must be a JSON object.');
  const result = v.safeParse(schema, body, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const param = formatPath(issue.path?.map((item) => item.key) ?? []);
  throw new GatewayError('invalid_request', `Invalid value for '${param}': it ${issue.message}.`, { param });
}

function formatPath(keys: readonly unknown[]): string {
  return keys.reduce<string>(
    (path, key) => (typeof key === 'number' ? `${path}[${key}]` : path === '' ? String(key) : `${path}.${String(key)}`),
    '',
  );
}
