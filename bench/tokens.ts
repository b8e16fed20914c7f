/**
 * The local token counter: MB/s of each kind of text once warm, load time and size of the vocabulary, and how long the thread
 * that asks is held up by sending a long prompt. Times are processor time of the one thread, so that other work on the
 * machine counts less, but for the longest turn of the event loop, which is by the clock and of the best round. `node bench/tokens.ts [rounds]`; exit code 1 when a target is missed.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ensureVocabulary } from '../scripts/build-vocabulary.mjs';
import { createTokenCounter, pieceLength } from '../src/tokens/counter.ts';
import { createTokenizer } from '../src/tokens/tokenizer.ts';
import { readVocabulary } from '../src/tokens/vocabulary.ts';

const targets = { megabytesPerSecond: 5, loadMs: 100, vocabularyBytes: 560_000, blockedMs: 5 };
const rounds = Number(process.argv[2] ?? 7);
const root = join(import.meta.dirname, '..');
const missed: string[] = [];

/** Processor time of this thread. */
function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

/** Numbers that are the same in every run. */
let state = 1;
function below(limit: number): number {
  state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
  return (state >> 8) % limit;
}
const characters = (count: number, from: number, kinds: number) =>
  Array.from({ length: count }, () => String.fromCodePoint(from + below(kinds))).join('');
const filesOf = (folder: string, ending: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending) && !name.includes('node_modules'))
    .map((name) => readFileSync(join(root, folder, name), 'utf8'))
    .join('\n');

/** The characters of the Chinese README in their own frequency, in clauses and sentences of usual length. */
function chineseText(length: number): string {
  const han = [...readFileSync(join(root, 'README.zh-CN.md'), 'utf8')].filter((each) => /\p{Script=Han}/u.test(each));
  const clause = () => Array.from({ length: 4 + below(14) }, () => han[below(han.length)]).join('');
  let text = '';
  while (text.length < length) text += clause() + '，，。；'.charAt(below(4));
  return text;
}

const corpus: Readonly<Record<string, string>> = {
  'source code': filesOf('src', '.ts'),
  English: filesOf('docs', '.md').repeat(20),
  Chinese: chineseText(300_000),
  JSON: readFileSync(join(root, 'package-lock.json'), 'utf8'),
  emoji: characters(60_000, 0x1f300, 0x300),
  base64: Buffer.from(Array.from({ length: 750_000 }, () => below(256))).toString('base64'),
  'chat template': '<|im_start|>user\nHow are you?<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n'.repeat(
    8_000,
  ),
  'random Unicode': characters(120_000, 0x20, 0xd000).toWellFormed(),
  'combining marks': 'e\u0301a\u0308 क्षत्रिय '.repeat(20_000),
  digits: characters(1_000_000, 0x30, 10),
  '1 MB of one letter': 'a'.repeat(1_000_000),
  '1 MB of random letters': characters(1_000_000, 0x61, 26),
  '1 MB of blanks': ' '.repeat(1_000_000),
  '1 MB of one Chinese character': '的'.repeat(333_333),
  '1 MB of Chinese, no break': characters(333_333, 0x4e00, 3_000),
};

const path = ensureVocabulary();
const median = (figures: readonly number[]) => figures.toSorted((a, b) => a - b)[figures.length >> 1] ?? Number.NaN;
function judge(what: string, figure: number, isMet: boolean, unit: string): void {
  if (!isMet) missed.push(what);
  console.log(`${what}: ${figure.toFixed(2)} ${unit}${isMet ? '' : ' (missed)'}`);
}

const vocabulary = readVocabulary(path);
console.log('| text | kB | tokens | first MB/s | warm MB/s |\n|---|--:|--:|--:|--:|');
for (const [kind, text] of Object.entries(corpus)) {
  // Without what the text before has left in the cache of pieces.
  const { countTokens } = createTokenizer(vocabulary);
  const bytes = Buffer.byteLength(text);
  let tokens = 0;
  const speeds = Array.from({ length: rounds + 1 }, () => {
    const startedMs = threadMs();
    tokens = countTokens(text);
    return bytes / 1_000 / (threadMs() - startedMs);
  });
  const warm = median(speeds.slice(1));
  if (warm < targets.megabytesPerSecond) missed.push(kind);
  const figures = [(bytes / 1_000).toFixed(0), tokens, speeds[0]?.toFixed(1), warm.toFixed(1)];
  console.log(`| ${kind} | ${figures.join(' | ')} |`);
}
console.log('');

const vocabularyModule = JSON.stringify(join(root, 'src', 'tokens', 'vocabulary.ts'));
const program = `const { readVocabulary } = await import(${vocabularyModule});
  const before = process.threadCpuUsage();
  readVocabulary(${JSON.stringify(path)});
  const { user, system } = process.threadCpuUsage(before);
  console.log((user + system) / 1_000);`;
const loads = Array.from({ length: rounds }, () =>
  Number(execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })),
);
judge('load, median of new processes', median(loads), median(loads) <= targets.loadMs, 'ms');
const { size } = statSync(path);
judge('vocabulary', size / 1_000, size <= targets.vocabularyBytes, 'kB');

/** The longest time between two turns of this thread's event loop while it waits for `work`. */
async function longestTurnMs(work: Promise<unknown>): Promise<number> {
  let isDone = false;
  void work.finally(() => {
    isDone = true;
  });
  let longest = 0;
  for (let lastMs = performance.now(); !isDone; ) {
    await nextTurn();
    const nowMs = performance.now();
    longest = Math.max(longest, nowMs - lastMs);
    lastMs = nowMs;
  }
  return longest;
}
const counter = createTokenCounter();
const bodies = {
  'an agent’s prompt of 4 MB': {
    messages: Array.from({ length: 1_000 }, (_, index) => ({
      role: index % 2 === 0 ? 'user' : 'assistant',
      content: (corpus['source code'] ?? '').slice(index * 10, index * 10 + 4_000),
    })),
  },
  'one message of 8 MB': { messages: [{ role: 'user', content: 'Some words, '.repeat(700_000).slice(0, 8_000_000) }] },
};
await counter.countText('x');
for (const [name, body] of Object.entries(bodies)) {
  const startedMs = threadMs();
  for (let round = 0; round < rounds; round++) await counter.count(body, 'qwen3-max');
  const pieces = Math.ceil(body.messages.reduce((sum, { content }) => sum + content.length, 0) / pieceLength);
  const pieceMs = (threadMs() - startedMs) / rounds / pieces;
  const turns: number[] = [];
  for (let round = 0; round < rounds; round++) turns.push(await longestTurnMs(counter.count(body, 'qwen3-max')));
  judge(`sending ${name} in ${pieces} turns, each`, pieceMs, pieceMs <= targets.blockedMs, 'ms');
  console.log(`  longest turn by the clock: ${Math.min(...turns).toFixed(1)} ms`);
}
await counter.dispose();
if (missed.length > 0) console.log(`missed: ${missed.join(', ')}`);
process.exitCode = missed.length === 0 ? 0 : 1;
