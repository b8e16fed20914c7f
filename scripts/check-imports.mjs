/**
 * Checks who may import whom (ARCHITECTURE.md, "May import"). Run by `npm run lint`; `findViolations` is tested.
 *
 *   node scripts/check-imports.mjs
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const root = resolve(import.meta.dirname, '..');

/**
 * Folder (or file) of src/ → folders it may import from, itself included without saying. The first match counts.
 * @type {readonly (readonly [string, readonly string[]])[]}
 */
const layers = [
  ['core', []],
  ['wire', []],
  ['dialects', ['core', 'wire']],
  ['upstream', ['core', 'wire']],
  ['accounts', ['core']],
  ['usage', ['core']],
  ['tokens', ['core']],
  ['team', ['core']],
  ['server', ['core', 'gateway/exchange.ts', 'gateway/gateway.ts']],
  // The attempt loop knows no wire format, no server and no upstream.
  [
    'gateway/gateway.ts',
    [
      'core',
      'accounts',
      'usage',
      'gateway/attempt.ts',
      'gateway/exchange.ts',
      'gateway/judge.ts',
      'gateway/session-key.ts',
      'gateway/trace.ts',
    ],
  ],
  ['gateway/session-key.ts', ['core']],
  ['gateway/attempt.ts', ['core', 'accounts', 'gateway/exchange.ts']],
  ['gateway/trace.ts', ['core', 'accounts', 'usage', 'gateway/exchange.ts']],
  ['gateway/judge.ts', ['core']],
  ['gateway/exchange.ts', ['core']],
  ['gateway', ['core', 'wire', 'accounts', 'usage', 'tokens', 'dialects', 'upstream', 'server']],
  ['webview', []],
  ['clients', ['core']],
  ['vscode', ['core', 'wire', 'clients', 'webview', 'gateway/main.ts']],
  ['cli', ['core', 'clients', 'gateway/main.ts', 'team/main.ts']],
];

/** Packages that only one folder may know. */
const packageHomes = {
  vscode: ['vscode'],
  h3: ['server'],
  'h3/node': ['server'],
  listhen: ['server'],
  undici: ['upstream'],
  oauth4webapi: ['accounts'],
  commander: ['cli'],
  'prom-client': ['gateway'],
  '@redis/client': ['team'],
  'image-size': ['tokens'],
  'image-size/types/gif': ['tokens'],
  'image-size/types/jpg': ['tokens'],
  'image-size/types/png': ['tokens'],
  'image-size/types/webp': ['tokens'],
  uqr: ['vscode', 'webview', 'cli'],
  'jsonc-parser': ['clients'],
  '@decimalturn/toml-patch': ['clients'],
  yaml: ['clients', 'cli'],
  uplot: ['webview'],
};

const layerOf = (path) => layers.find(([name]) => path === name || path.startsWith(`${name}/`));
const isWithin = (path, names) => names.some((name) => path === name || path.startsWith(`${name}/`));

/**
 * @param {readonly { path: string, text: string }[]} files Paths relative to src/.
 * @returns {string[]} One line a violation.
 */
export function findViolations(files) {
  return files.flatMap(({ path, text }) => {
    const layer = layerOf(path);
    if (layer === undefined) return [`src/${path} lies in no folder of the architecture`];
    const [name, allowed] = layer;
    const specifiers = [...text.matchAll(/(?:from|import\(|import)\s*['"]([^'"]+)['"]/g)].map((match) => match[1]);
    return specifiers.flatMap((specifier) => {
      if (specifier.startsWith('.')) {
        const target = join(dirname(path), specifier).replaceAll('\\', '/');
        return isWithin(target, [name, ...allowed]) ? [] : [`src/${path} imports src/${target}`];
      }
      const homes = packageHomes[specifier];
      return homes === undefined || isWithin(path, homes)
        ? []
        : [`src/${path} imports ${specifier}, which belongs to src/${homes.join(', src/')}`];
    });
  });
}

function readSources() {
  const folder = join(root, 'src');
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => {
      const full = join(entry.parentPath, entry.name);
      return { path: relative(folder, full).replaceAll('\\', '/'), text: readFileSync(full, 'utf8') };
    });
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const violations = findViolations(readSources());
  for (const line of violations) console.error(line);
  process.exitCode = violations.length === 0 ? 0 : 1;
}
