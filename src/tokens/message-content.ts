import { isJsonObject, type JsonObject, objectField, stringField } from '../core/json.ts';
import { type ImageTokens, imageTokens } from './image-tokens.ts';

/** A part of a prompt: text to be tokenised, or what takes a known number of tokens. */
export type PromptPart = string | ImageTokens;

/** What a message says, with the marks of its images; `body` is the request it belongs to. */
export function contentParts(content: unknown, model: string, body: JsonObject): readonly PromptPart[] {
  if (typeof content === 'string') return [content];
  if (!Array.isArray(content)) return [];
  return content.flatMap((part: unknown): readonly PromptPart[] => {
    if (typeof part === 'string') return [part];
    if (!isJsonObject(part)) return [];
    const text = stringField(part, 'text') ?? stringField(part, 'refusal');
    if (text !== undefined) return [text];
    const url = imageUrl(part);
    if (url !== undefined) return ['<|vision_start|>', imageTokens(url, part, model, body), '<|vision_end|>'];
    // Sound, video and files: nobody says what they cost before the upstream has looked at them.
    return part.type === 'text' ? [] : [{ tokens: 0, isGuess: true }];
  });
}

/** The text alone. */
export function contentText(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .map((part: unknown) => (isJsonObject(part) ? (stringField(part, 'text') ?? '') : String(part ?? '')))
    .join('');
}

function imageUrl(part: JsonObject): string | undefined {
  if (part.type !== 'image_url') return undefined;
  const image = objectField(part, 'image_url');
  return image === undefined ? stringField(part, 'image_url') : stringField(image, 'url');
}
