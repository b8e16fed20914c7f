import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { t } from './translate.ts';
import { UsageError } from './usage-error.ts';

/** Where a command reads and writes; tests bring their own. */
export interface Terminal {
  /** A person sits there and can be asked. */
  readonly isInteractive: boolean;
  /** For answers, which programs read. */
  out(text: string): void;
  /** For questions and remarks, which people read. */
  say(text: string): void;
  /** One line; the answer is not shown while it is typed where it is `hidden`. */
  ask(question: string, options?: { readonly hidden?: boolean }): Promise<string>;
  /** Everything on stdin, trimmed. */
  readAll(): Promise<string>;
}

/** The terminal of this process. */
export const processTerminal: Terminal = {
  get isInteractive() {
    return process.stdin.isTTY === true && process.stderr.isTTY === true;
  },
  out: (text) => void process.stdout.write(text),
  say: (text) => void process.stderr.write(text),
  ask(question, options) {
    const isHidden = options?.hidden === true;
    const output = isHidden ? new Writable({ write: (_part, _encoding, done) => done() }) : process.stderr;
    const lines = createInterface({ input: process.stdin, output, terminal: true });
    // After the terminal has stopped showing what is typed: a key may be pasted the moment the question is there.
    process.stderr.write(question);
    return new Promise((resolve, reject) => {
      lines.once('line', (line) => {
        if (isHidden) process.stderr.write('\n');
        resolve(line.trim());
        lines.close();
      });
      // Ctrl+C and Ctrl+D; after an answer the promise is settled already.
      lines.once('close', () => reject(new UsageError(t('Nothing was entered.'))));
    });
  },
  async readAll() {
    let text = '';
    process.stdin.setEncoding('utf8');
    for await (const part of process.stdin) text += part;
    return text.trim();
  },
};

/** A value for programs, on stdout. */
export function printJson(value: unknown): void {
  processTerminal.out(`${JSON.stringify(value, null, 2)}\n`);
}

/** The API key: asked for where somebody sits there, else all of stdin. */
export function readKey(terminal: Terminal): Promise<string> {
  return terminal.isInteractive
    ? terminal.ask(`${t('API key (it is not shown):')} `, { hidden: true })
    : terminal.readAll();
}

/** What the control surface rejects is a mistake of the caller. */
export async function asUsage<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Error && error.name === 'InputError') throw new UsageError(error.message, { cause: error });
    throw error;
  }
}
