import { isJsonObject, type JsonObject, objectField, objectItems, stringField } from '../../core/json.ts';
import { invalid } from './invalid.ts';

/** A part of a Chat Completions message, and where in the client's body it came from. */
export interface ChatPart {
  readonly part: JsonObject;
  readonly path: string;
  /** The client wants its prompt cached up to here. */
  readonly isMarked: boolean;
}

/** The text and media blocks of a user's message, a system prompt or a tool's result; an unknown block is its text, if it has one. */
export function readContent(content: unknown, path: string): readonly ChatPart[] {
  if (typeof content === 'string') return content === '' ? [] : [{ part: textPart(content), path, isMarked: false }];
  const blocks: readonly unknown[] = Array.isArray(content) ? content : [];
  return blocks.flatMap((block, index) => {
    if (!isJsonObject(block)) return [];
    const here = `${path}.${index}`;
    const parts = readBlock(block, here).map((part) => ({ part, path: here, isMarked: false }));
    const last = parts.at(-1);
    return last !== undefined && isJsonObject(block.cache_control)
      ? [...parts.slice(0, -1), { ...last, isMarked: true }]
      : parts;
  });
}

const textPart = (text: string): JsonObject => ({ type: 'text', text });

function readBlock(block: JsonObject, path: string): readonly JsonObject[] {
  switch (block.type) {
    case 'image':
      return [readImage(objectField(block, 'source') ?? {}, `${path}.source`)];
    case 'document':
      return readDocument(block, path);
    case 'search_result':
      return [textPart(titled(block, textOf(block.content)))];
    case 'tool_reference':
      return [textPart(`The tool "${stringField(block, 'tool_name') ?? ''}" is now available.`)];
    case 'tool_removal':
      return [textPart(`The tool "${nameOfTool(block)}" is no longer available.`)];
    case 'tool_addition':
      return [textPart(`The tool "${nameOfTool(block)}" is now available.`)];
    default: {
      const text = stringField(block, 'text') ?? (block.type === 'text' ? undefined : textOf(block.content));
      return text === undefined || text === '' ? [] : [textPart(text)];
    }
  }
}

function nameOfTool(block: JsonObject): string {
  const tool = objectField(block, 'tool') ?? {};
  return stringField(tool, 'name') ?? stringField(objectField(tool, 'definition') ?? {}, 'name') ?? '';
}

function readImage(source: JsonObject, path: string): JsonObject {
  const url = dataUrl(source, 'image/png') ?? (source.type === 'url' ? stringField(source, 'url') : undefined);
  if (url === undefined) throw invalid(path, 'Qwen Proxy keeps no files: send the image as base64 or as a URL.');
  return { type: 'image_url', image_url: { url } };
}

/** Base64 as a data URL; some clients put the whole URL there already. */
function dataUrl(source: JsonObject, usualType: string): string | undefined {
  const data = source.type === 'base64' ? stringField(source, 'data') : undefined;
  if (data === undefined || data.startsWith('data:')) return data;
  return `data:${stringField(source, 'media_type') ?? usualType};base64,${data}`;
}

/** Text documents become text. A PDF stays one: whether a model takes it is known when the model is. */
function readDocument(block: JsonObject, path: string): readonly JsonObject[] {
  const source = objectField(block, 'source') ?? {};
  const mediaType = stringField(source, 'media_type') ?? '';
  if (source.type === 'text') return [textPart(titled(block, stringField(source, 'data') ?? ''))];
  if (source.type === 'content') {
    const inner = readContent(source.content, `${path}.source.content`).map(({ part }) => part);
    const heading = titled(block, '');
    return heading === '' ? inner : [textPart(heading), ...inner];
  }
  if (source.type === 'base64' && mediaType.startsWith('text/')) {
    const text = Buffer.from(stringField(source, 'data') ?? '', 'base64').toString();
    return [textPart(titled(block, text))];
  }
  const pdf = dataUrl(source, 'application/pdf') ?? (source.type === 'url' ? stringField(source, 'url') : undefined);
  if (pdf === undefined)
    throw invalid(`${path}.source`, 'Qwen Proxy keeps no files: send the document as text, base64 or a URL.');
  return [{ type: 'file', file: { filename: stringField(block, 'title') ?? 'document.pdf', file_data: pdf } }];
}

function titled(block: JsonObject, text: string): string {
  const heading = [block.title, block.source, block.context].filter((each) => typeof each === 'string' && each !== '');
  return [...heading, ...(text === '' ? [] : [text])].join('\n');
}

/** The text of a value that may be a string, blocks, or the results of a server's tool. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (isJsonObject(content)) return textOf(content.content ?? content.text ?? content.error_code);
  if (!Array.isArray(content)) return '';
  return objectItems({ content }, 'content')
    .map((item) => stringField(item, 'text') ?? (textOf(item.content) || titledLink(item)))
    .filter((text) => text !== '')
    .join('\n');
}

const titledLink = (item: JsonObject): string =>
  [item.title, item.url].filter((each) => typeof each === 'string' && each !== '').join(' ');
