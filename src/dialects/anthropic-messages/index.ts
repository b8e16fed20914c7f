import type { Dialect } from '../../core/dialect.ts';
import { messageEvent, pingEvent } from '../../wire/anthropic-messages.ts';
import { encodeError, encodeErrorBody } from './errors.ts';
import { decodeMessagesRequest } from './request.ts';

/** Anthropic Messages: https://platform.claude.com/docs/en/api/messages */
export const anthropicMessages: Dialect = {
  id: 'anthropic-messages',
  paths: ['/anthropic/v1/messages', '/v1/messages'],
  decodeRequest: decodeMessagesRequest,
  encodeError,
  ping: pingEvent,
  encodeStreamError: (error, requestId) => messageEvent('error', encodeErrorBody(error, requestId)),
};
