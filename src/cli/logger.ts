import { styleText } from 'node:util';
import type { LogFields, Logger } from '../core/contracts.ts';
import type { LogFormat } from './environment.ts';

export interface LoggerOptions {
  readonly format: () => LogFormat;
  /** `info` and `debug` too, in the format for people; the one for machines always has `info`. */
  readonly isVerbose: () => boolean;
  /** Epoch milliseconds. */
  readonly now?: () => number;
  readonly write?: (line: string) => void;
}

type Level = keyof Logger;
const colours = { debug: 'gray', info: 'gray', warn: 'yellow', error: 'red' } as const;

/** Log lines on stderr, so that stdout stays for answers. */
export function createStderrLogger(options: LoggerOptions): Logger {
  const { format, isVerbose, now = Date.now, write = (line) => void process.stderr.write(line) } = options;
  const at = (level: Level) => (message: string, fields?: LogFields) => {
    const isForMachines = format() === 'json';
    if (level === 'debug' && !isVerbose()) return;
    if (level === 'info' && !isVerbose() && !isForMachines) return;
    const time = new Date(now()).toISOString();
    // `time`, `level` and `message` are the line's own, whatever the fields are called.
    write(
      isForMachines
        ? `${JSON.stringify({ ...fields, time, level, message })}\n`
        : `${time} ${styleText(colours[level], level, { stream: process.stderr })} ${message}${formatFields(fields)}\n`,
    );
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function formatFields(fields: LogFields = {}): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${JSON.stringify(value)}`)
    .join('');
}
