/**
 * `npm test`: everything a change has to pass, in the order that fails fastest. Prints what each step took, and as its
 * last line the count of all tests: `N passed, N failed`.
 *
 *   node scripts/test.mjs [step …]     runs the named steps only
 */
import { spawn } from 'node:child_process';
import { delimiter, join, resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

const root = resolve(import.meta.dirname, '..');
const binaries = join(root, 'node_modules', '.bin');

/** @type {readonly { name: string, command: string, args: readonly string[] }[]} */
const steps = [
  { name: 'lint', command: 'npm', args: ['run', '--silent', 'lint'] },
  { name: 'typecheck', command: 'npm', args: ['run', '--silent', 'typecheck'] },
  { name: 'build', command: 'npm', args: ['run', '--silent', 'build'] },
  { name: 'unit', command: 'npm', args: ['run', '--silent', 'test:unit'] },
  { name: 'server', command: 'npm', args: ['run', '--silent', 'test:server'] },
  { name: 'vscode-host', command: 'node', args: ['scripts/vscode-host.mjs', 'ensure'] },
  { name: 'vscode', command: 'npm', args: ['run', '--silent', 'test:vscode'] },
];

/** `npm run test:clients`: run when named. They need packages that are larger than all others together. */
const clientSteps = [
  { name: 'client-packages', command: 'node', args: ['scripts/client-packages.mjs', 'ensure'] },
  { name: 'client-types', command: 'tsc', args: ['-p', 'tsconfig.clients.json'] },
  { name: 'clients', command: 'mocha', args: ['test/clients/{sdk,cli}/*.test.ts'] },
];

/** `npm run test:team`: run when named. They need a Redis server. */
const teamSteps = [
  { name: 'redis-server', command: 'node', args: ['scripts/redis-server.mjs', 'ensure'] },
  { name: 'team', command: 'mocha', args: ['test/team/*.test.ts'] },
];

let passed = 0;
let failed = 0;

/** Mocha's own closing lines: `12 passing (3s)`, `1 failing`. */
function count(output) {
  for (const match of stripVTControlCharacters(output).matchAll(/^\s*(\d+) (passing|failing)\b/gm)) {
    if (match[2] === 'passing') passed += Number(match[1]);
    else failed += Number(match[1]);
  }
}

function run({ name, command, args }) {
  return new Promise((done) => {
    const startedMs = performance.now();
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, PATH: `${binaries}${delimiter}${process.env.PATH}`, NO_COLOR: '1' },
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
      process.stdout.write(text);
    });
    child.on('error', (error) => console.error(`${name}: ${error.message}`));
    child.on('close', (code) => {
      count(output);
      const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
      console.log(`\n— ${name} ${code === 0 ? 'ok' : `failed (exit ${code})`} in ${seconds} s\n`);
      done(code === 0);
    });
  });
}

const wanted = process.argv.slice(2);
const known = [...steps, ...clientSteps, ...teamSteps];
const unknown = wanted.filter((name) => !known.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(`Unknown step: ${unknown.join(', ')}. Steps: ${known.map((step) => step.name).join(', ')}`);
  process.exit(2);
}

const broken = [];
for (const step of wanted.length === 0 ? steps : known.filter(({ name }) => wanted.includes(name))) {
  if (await run(step)) continue;
  broken.push(step.name);
  // Later steps need what these make; the suites themselves are independent of one another.
  if (['build', 'vscode-host', 'client-packages', 'redis-server'].includes(step.name)) break;
}
if (broken.length > 0) console.error(`Failed: ${broken.join(', ')}`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = broken.length === 0 ? 0 : 1;
