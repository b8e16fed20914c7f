import type * as vscode from 'vscode';
import { isJsonObject, type JsonObject, numberField, objectItems, parseJson, stringField } from '../../core/json.ts';

/** For models of which nobody published a limit. */
const unknownContextTokens = 131_072;
const unknownOutputTokens = 8_192;

/** The models of `GET /v1/models` as the editor lists them. Prompt and answer together make the context window. */
export function toModelInformation(text: string): readonly vscode.LanguageModelChatInformation[] {
  const list = parseJson(text);
  return isJsonObject(list) ? objectItems(list, 'data').flatMap(toInformation) : [];
}

function toInformation(model: JsonObject): vscode.LanguageModelChatInformation[] {
  const id = stringField(model, 'id');
  if (id === undefined || model.mode === 'embedding') return [];
  const window = numberField(model, 'context_window') ?? unknownContextTokens;
  const output = Math.min(numberField(model, 'max_output_tokens') ?? unknownOutputTokens, Math.floor(window / 2));
  return [
    {
      id,
      name: stringField(model, 'name') ?? id,
      family: id.split('-')[0] ?? id,
      version: id,
      detail: 'Qwen Proxy',
      tooltip: id,
      maxInputTokens: window - output,
      maxOutputTokens: output,
      capabilities: {
        imageInput: model.supports_vision !== false,
        toolCalling: model.supports_function_calling !== false,
      },
    },
  ];
}
