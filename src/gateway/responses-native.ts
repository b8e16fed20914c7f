import { isJsonObject, numberField, objectField, parseJson } from '../core/json.ts';
import { encodeEvent, responseError } from '../dialects/openai-responses/errors.ts';
import { editResponsesRequest, isProvenForResponses } from '../upstream/responses-native.ts';
import {
  createResponsesEditor,
  foldResponsesStream,
  readResponsesEvent,
  responseAsStream,
} from '../upstream/responses-stream.ts';
import { parseSseEvent } from '../wire/sse.ts';
import type { NativeSurface } from './native-lane.ts';

/** Qwen's own Responses surface. */
export const responsesSurface: NativeSurface = {
  format: 'openai-responses',
  url: ({ responses }) => (responses === undefined ? undefined : `${responses}/responses`),
  takes: isProvenForResponses,
  edit: editResponsesRequest,
  headers: () => ({}),
  createReader: () => readResponsesEvent,
  documentAsStream: responseAsStream,
  createEditor: createResponsesEditor,
  fold: foldResponsesStream,
  /** A stream that broke off goes on with its own numbers to the one event that says so. */
  fail(error, { first, last }) {
    const begun = objectField(dataOf(first), 'response') ?? {};
    const sequenceNumber = (numberField(dataOf(last), 'sequence_number') ?? 0) + 1;
    return encodeEvent('response.failed', sequenceNumber, {
      response: { ...begun, status: 'failed', error: responseError(error) },
    });
  },
};

function dataOf(event: Buffer) {
  const data = parseJson(parseSseEvent(event).data);
  return isJsonObject(data) ? data : {};
}
