import { foldMessageStream } from '../dialects/anthropic-messages/fold.ts';
import { editAnthropicRequest, isProvenForAnthropic } from '../upstream/anthropic-native.ts';
import { createAnthropicEditor, createAnthropicReader, messageAsStream } from '../upstream/anthropic-stream.ts';
import type { NativeSurface } from './native-lane.ts';

/** Qwen's own Anthropic surface, `/apps/anthropic`. */
export const anthropicSurface: NativeSurface = {
  format: 'anthropic-messages',
  url: ({ anthropic }) => (anthropic === undefined ? undefined : `${anthropic}/v1/messages`),
  takes: isProvenForAnthropic,
  edit: editAnthropicRequest,
  headers: (passed) => ({ 'anthropic-version': '2023-06-01', ...passed }),
  createReader: createAnthropicReader,
  documentAsStream: messageAsStream,
  createEditor: createAnthropicEditor,
  fold: foldMessageStream,
};
