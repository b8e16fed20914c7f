import { isJsonObject } from '../core/json.ts';

/** JSON in the spelling of Jinja's `tojson`, which writes tools into the prompt: a blank after each comma and colon. */
export function templateJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(templateJson).join(', ')}]`;
  if (!isJsonObject(value)) return JSON.stringify(value) ?? 'null';
  const fields = Object.entries(value).map(([name, field]) => `${JSON.stringify(name)}: ${templateJson(field)}`);
  return `{${fields.join(', ')}}`;
}
