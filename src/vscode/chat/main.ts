import * as vscode from 'vscode';
import { readError } from '../../clients/error-message.ts';
import { readAll, sendRequest } from '../../clients/http-request.ts';
import type { App } from '../app.ts';
import { allText, encodeMessages, imageCount } from './encode-messages.ts';
import { estimateTokens } from './estimate-tokens.ts';
import { toModelInformation } from './model-information.ts';
import { readAnswer } from './read-answer.ts';

/** A list that takes longer than this is of no use to somebody who opened a menu. */
const listTimeoutMs = 10_000;

export type ChatBackend = Required<Omit<vscode.LanguageModelChatProvider, 'onDidChangeLanguageModelChatInformation'>>;

/** The models of the user's accounts for the editor's own chat, through the port that every other client uses. */
export function createChatBackend(app: App): ChatBackend {
  const userAgent = `QwenProxy/${app.host.lastSnapshot.version}`;
  const send = async (method: 'GET' | 'POST', path: string, signal: AbortSignal, body?: unknown) => {
    const { url } = app.host.lastSnapshot;
    if (url === undefined) throw new Error(vscode.l10n.t('Qwen Proxy is not running.'));
    const headers = { authorization: `Bearer ${await app.host.localKey()}`, 'user-agent': userAgent };
    return sendRequest({ method, url: `${url}${path}`, headers, signal, ...(body !== undefined && { body }) });
  };

  return {
    async provideLanguageModelChatInformation({ silent }, token) {
      const { accounts, url, gateway } = app.host.lastSnapshot;
      if (!silent && accounts.length === 0 && gateway === undefined)
        await vscode.commands.executeCommand('qwenProxy.login');
      if (url === undefined && silent) return [];
      using ending = abortWith(token, AbortSignal.timeout(listTimeoutMs));
      try {
        const answer = await send('GET', '/v1/models', ending.signal);
        const text = await readAll(answer);
        if (answer.statusCode === 200) return [...toModelInformation(text)];
        throw new Error(readError(answer.statusCode ?? 0, text).message);
      } catch (error) {
        app.log.warn(`The models could not be listed: ${String(error)}`);
        if (silent) return [];
        throw error;
      }
    },

    async provideLanguageModelChatResponse(model, messages, options, progress, token) {
      using ending = abortWith(token);
      const isRequired = options.toolMode === vscode.LanguageModelChatToolMode.Required;
      const tools = (options.tools ?? []).map(({ name, description, inputSchema }) => ({
        type: 'function',
        function: { name, description, parameters: inputSchema ?? { type: 'object', properties: {} } },
      }));
      const body = {
        ...options.modelOptions,
        model: model.id,
        stream: true,
        messages: encodeMessages(messages),
        ...(tools.length > 0 && { tools, tool_choice: isRequired ? 'required' : 'auto' }),
      };
      try {
        const answer = await send('POST', '/v1/chat/completions', ending.signal, body);
        if (answer.statusCode !== 200) throw toModelError(answer.statusCode ?? 0, await readAll(answer));
        for await (const part of readAnswer(answer)) {
          progress.report(
            part.kind === 'text'
              ? new vscode.LanguageModelTextPart(part.text)
              : new vscode.LanguageModelToolCallPart(part.callId, part.name, part.input),
          );
        }
      } catch (error) {
        if (token.isCancellationRequested) throw new vscode.CancellationError();
        throw error;
      }
    },

    async provideTokenCount(_model, text) {
      if (typeof text === 'string') return estimateTokens(text);
      return estimateTokens(allText(text.content), { images: imageCount(text.content) });
    },
  };
}

/** The editor's own names for what a caller can act on; everything else keeps its sentence. */
function toModelError(status: number, text: string): Error {
  const { message } = readError(status, text);
  if (status === 404) return vscode.LanguageModelError.NotFound(message);
  return status === 401 || status === 403 ? vscode.LanguageModelError.NoPermissions(message) : new Error(message);
}

function abortWith(
  token: vscode.CancellationToken,
  other?: AbortSignal,
): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  if (token.isCancellationRequested) controller.abort();
  const subscription = token.onCancellationRequested(() => controller.abort());
  const signal = other === undefined ? controller.signal : AbortSignal.any([controller.signal, other]);
  return { signal, [Symbol.dispose]: () => subscription.dispose() };
}
