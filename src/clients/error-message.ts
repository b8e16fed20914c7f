import { isJsonObject, objectField, parseJson, stringField } from '../core/json.ts';

/** What an error body of either vendor's shape says. */
export interface SaidError {
  readonly message: string;
  /** OpenAI's `code` or Anthropic's `type`. */
  readonly code?: string;
}

/** Reads `{ error: { message, code | type } }`; any other text is shown as it is, shortened. */
export function readError(status: number, text: string): SaidError {
  const body = parseJson(text);
  const error = isJsonObject(body) ? objectField(body, 'error') : undefined;
  const message = error && stringField(error, 'message');
  if (error === undefined || message === undefined)
    return { message: `HTTP ${status}${text === '' ? '' : `: ${text.slice(0, 200)}`}` };
  const code = stringField(error, 'code') ?? stringField(error, 'type');
  return { message, ...(code !== undefined && { code }) };
}
