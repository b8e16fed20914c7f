import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';

/** A program that believes it is watched by a person. */
export interface PseudoTerminal {
  readonly child: ChildProcessWithoutNullStreams;
  /** Everything the terminal shows, what is typed included where it is echoed. */
  readonly screen: { readonly text: string };
  type(text: string): void;
  /** Resolves when the screen shows it, after what was waited for before. */
  shows(pattern: RegExp): Promise<void>;
  readonly ended: Promise<number | null>;
}

/** Runs a command under `script` of util-linux, which gives it a terminal and passes its exit code on. */
export function openPseudoTerminal(
  command: readonly string[],
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string | undefined>> },
): PseudoTerminal {
  const quoted = command.map((part) => `'${part.replaceAll("'", `'\\''`)}'`).join(' ');
  const child = spawn('script', ['--quiet', '--return', '--flush', '--command', `exec ${quoted}`, '/dev/null'], {
    ...options,
    env: { TERM: 'xterm', COLUMNS: '100', SHELL: '/bin/sh', ...options.env },
  });
  const screen = { text: '' };
  child.stdout.setEncoding('utf8').on('data', (part) => {
    screen.text += part;
  });
  child.stdin.on('error', () => {});
  let readUpTo = 0;
  return {
    child,
    screen,
    type: (text) => void child.stdin.write(text),
    async shows(pattern) {
      for (;;) {
        const match = pattern.exec(screen.text.slice(readUpTo));
        if (match) {
          readUpTo += match.index + match[0].length;
          return;
        }
        if (child.exitCode !== null) throw new Error(`It ended and showed:\n${screen.text}`);
        await Promise.race([once(child.stdout, 'data'), once(child, 'close')]);
      }
    },
    ended: once(child, 'close').then(([code]) => code),
  };
}
