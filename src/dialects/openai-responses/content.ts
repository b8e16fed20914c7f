import { GatewayError } from '../../core/errors.ts';
import { isJsonObject, type JsonObject, stringField } from '../../core/json.ts';

/**
 * Content of a Responses item as Chat Completions has it: a text stays one, parts are brought over one by one.
 * @param param Where it stands in the client's body, as in `input[3].content`.
 * @throws GatewayError naming the part that Qwen has no counterpart for.
 */
export function decodeContent(content: unknown, param: string): unknown {
  if (content === undefined || content === null || typeof content === 'string') return content ?? '';
  if (!Array.isArray(content))
    throw new GatewayError('invalid_request', `'${param}' must be a string or an array of parts.`, { param });
  const parts = content.map((part, index) => decodePart(part, `${param}[${index}]`));
  // One text is what most items hold, and what models without parts take.
  const [only] = parts;
  return parts.length === 1 && only?.type === 'text' ? only.text : parts;
}

function decodePart(part: unknown, param: string): JsonObject {
  if (typeof part === 'string') return { type: 'text', text: part };
  if (!isJsonObject(part)) throw new GatewayError('invalid_request', `'${param}' must be an object.`, { param });
  switch (part.type) {
    case 'input_text':
    case 'output_text':
    case 'summary_text':
    case 'reasoning_text':
    case 'text':
      return { type: 'text', text: stringField(part, 'text') ?? '' };
    case 'refusal':
      return { type: 'text', text: stringField(part, 'refusal') ?? '' };
    case 'input_image':
      return { type: 'image_url', image_url: imageUrl(part, param) };
    case 'image_url':
    case 'input_audio':
    case 'video_url':
    case 'video':
      return part;
    default:
      throw new GatewayError('invalid_request', `Parts of type "${String(part.type)}" cannot be sent to Qwen.`, {
        param,
        fix: part.type === 'input_file' ? 'Send the text of the file, or its pages as images.' : undefined,
      });
  }
}

function imageUrl(part: JsonObject, param: string): JsonObject {
  const url = stringField(part, 'image_url');
  if (url === undefined)
    throw new GatewayError('invalid_request', 'Only images with an address or as data can be sent to Qwen.', {
      param: `${param}.image_url`,
    });
  const detail = stringField(part, 'detail');
  return { url, ...(detail !== undefined && detail !== 'auto' && { detail }) };
}

/** All text of an item's parts. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part) => (isJsonObject(part) ? (stringField(part, 'text') ?? '') : '')).join('\n');
}
