import { GIF } from 'image-size/types/gif';
import { JPG } from 'image-size/types/jpg';
import { PNG } from 'image-size/types/png';
import { WEBP } from 'image-size/types/webp';
import { type JsonObject, numberField } from '../core/json.ts';
import { type ImageRule, imageRule } from './model-family.ts';

/** What an image adds to a prompt, its start and end marks left out. */
export interface ImageTokens {
  readonly tokens: number;
  /** The image's size was not to be had. */
  readonly isGuess: boolean;
}

/** Pixels. */
export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** A screenshot or photo as clients scale them before they send them. */
const assumed: ImageSize = { width: 1_024, height: 1_024 };
/** Characters of base64 that are decoded: 48 kB hold the size of most JPEGs, a camera's thumbnail included. */
const headerLength = 65_536;
const formats = [PNG, JPG, WEBP, GIF];

/**
 * Tokens of an `image_url` part: those of the picture in a data URL, else of a picture of usual size. A part may narrow its
 * own range with `min_pixels` and `max_pixels`.
 */
export function imageTokens(url: string, part: JsonObject, model: string, body: JsonObject): ImageTokens {
  const size = sizeOfDataUrl(url);
  const rule = imageRule(model);
  const pixelsPerToken = rule.side ** 2;
  const isHighResolution = body.vl_high_resolution_images === true;
  const mostPixels = isHighResolution
    ? rule.mostTokensHighResolution * pixelsPerToken
    : Math.max(pixelsPerToken, numberField(part, 'max_pixels') ?? rule.mostTokens * pixelsPerToken);
  const leastPixels = numberField(part, 'min_pixels') ?? rule.leastTokens * pixelsPerToken;
  return { tokens: tokensOfSize(size ?? assumed, rule, leastPixels, mostPixels), isGuess: size === undefined };
}

/** Qwen's `smart_resize` (qwen-vl-utils): both sides a multiple of `side`, the area within its bounds, the shape kept. */
function tokensOfSize(
  { width, height }: ImageSize,
  { side }: ImageRule,
  leastPixels: number,
  mostPixels: number,
): number {
  const inSquares = (scale: number, round: (value: number) => number) =>
    Math.max(1, round((width * scale) / side)) * Math.max(1, round((height * scale) / side));
  const squares = inSquares(1, Math.round);
  if (squares * side ** 2 > mostPixels) return inSquares(Math.sqrt(mostPixels / (width * height)), Math.floor);
  if (squares * side ** 2 < leastPixels) return inSquares(Math.sqrt(leastPixels / (width * height)), Math.ceil);
  return squares;
}

/** The size in the header of a PNG, JPEG, WebP or GIF; `undefined` for anything else. */
export function sizeOfDataUrl(url: string): ImageSize | undefined {
  const prefix = /^data:image\/[\w.+-]+;base64,/i.exec(url)?.[0];
  if (prefix === undefined) return undefined;
  const header = Buffer.from(url.slice(prefix.length, prefix.length + headerLength), 'base64');
  try {
    const { width, height } = formats.find((format) => format.validate(header))?.calculate(header) ?? {};
    return width !== undefined && height !== undefined && width > 0 && height > 0 ? { width, height } : undefined;
  } catch {
    // The library throws on headers that are broken or end too early.
    return undefined;
  }
}
