/**
 * Every bench in turn, each alone on the machine, into RESULTS.md: `npm run bench -- [options of run.ts]`, about half an hour.
 * Wants Redis and nginx from Debian. Soak and fuzz, which look for faults, have runs of their own.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = import.meta.dirname;
const sections: readonly (readonly [title: string, program: string, ...args: string[]])[] = [
  ['In the editor', 'editor.ts'],
  ['Activation', 'activate.ts'],
  ['Tokens', 'tokens.ts'],
  ['A team on Redis', 'team.ts'],
];

/** What a bench prints; its misses are in it, so its exit code says nothing more. */
async function textOf(program: string, args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [join(folder, program), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (part: Buffer) => {
    text += part.toString();
  });
  await once(child, 'close');
  return text.trim();
}

/** Tables as they are, other lines as a list. */
const asMarkdown = (text: string) =>
  text
    .split('\n')
    .map((line) => (line === '' || line.startsWith('|') ? line : `- ${line.trim()}`))
    .join('\n')
    .replaceAll(/(\|\n)(- )/g, '$1\n$2');

execFileSync(process.execPath, [join(folder, '..', 'scripts', 'package.mjs')], { stdio: 'ignore' });
let results = await textOf('run.ts', process.argv.slice(2));
for (const [title, program, ...args] of sections) {
  process.stderr.write(`${title}\n`);
  results += `\n\n## ${title}\n\n\`node bench/${program}\`\n\n${asMarkdown(await textOf(program, args))}`;
}
const notes = join(folder, 'NOTES.md');
if (existsSync(notes)) results += `\n\n${readFileSync(notes, 'utf8').replace(/^# /, '## ').trim()}`;
const file = join(folder, 'RESULTS.md');
writeFileSync(file, `${results}\n`);
execFileSync('npx', ['biome', 'format', '--write', file], { stdio: 'ignore' });
