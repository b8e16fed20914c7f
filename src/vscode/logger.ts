import type * as vscode from 'vscode';
import type { LogFields, Logger } from '../core/contracts.ts';

/** The server's log lines in the editor's log, facts behind the sentence as `name=value`. */
export function createLogger(channel: vscode.LogOutputChannel): Logger {
  return {
    debug: (message, fields) => channel.debug(toLine(message, fields)),
    info: (message, fields) => channel.info(toLine(message, fields)),
    warn: (message, fields) => channel.warn(toLine(message, fields)),
    error: (message, fields) => channel.error(toLine(message, fields)),
  };
}

function toLine(message: string, fields: LogFields = {}): string {
  const facts = Object.entries(fields).filter(([, value]) => value !== undefined);
  return [message, ...facts.map(([name, value]) => `${name}=${String(value)}`)].join(' ');
}
