#!/usr/bin/env node
/**
 * Makes present what the tests in a real VS Code need, from npm and the system's package manager alone.
 *
 *   node scripts/vscode-host.mjs ensure [--only chromium|server]
 *
 * Chromium, a Chinese font and the compilers come from Debian. They are installed without asking only where that cannot
 * surprise a person: as root on a Debian-like system which is
 *   - a CI run (`CI=true`) or a container (`/.dockerenv`, `/run/.containerenv`, `systemd-detect-virt -c`), or
 *   - a server: no display in the environment, no display manager installed, and root not borrowed through sudo.
 * `QWEN_PROXY_TEST_INSTALL=1` allows the installation anywhere (as root), `=0` forbids it everywhere. Whoever may not
 * install gets the exact command to run. `CHROMIUM=/path/to/browser` names a browser of one's own.
 *
 * The VS Code server comes from the npm package `code-server` into `.vscode-test/`, its native modules built for the
 * Node of the devDependency `node`. The folder appears by a rename at the very end, so an interrupted run is redone.
 *
 * Plain JavaScript, because it has to run on any Node that npm runs on.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import {
  hasCommand,
  installPackages,
  progress,
  readText,
  requireInstall,
  run,
  whyNotInstall,
  withLock,
} from './system-packages.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const cache = join(root, '.vscode-test');

const codeServer = {
  version: '4.139.1',
  integrity: 'sha512-fUYvJVdz4ZoVJfakGiGWXFMpF8K1ObsrpGvX17ZxNpKOzdNHs7lANT670JTr4ZhA8DnWqyvvmFG/d3HV9Yy6ew==',
};
const aptLock = join(cache, 'apt.lock');
const nodeVersion = '24.21.0';
const nativeModules = ['@vscode/spdlog', 'node-pty', '@parcel/watcher', '@vscode/native-watchdog'];
/** Raise it when the steps below change, so that folders made by older steps are made anew. */
const recipe = 1;

const browserCandidates = [
  '/usr/bin/chromium',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/usr/bin/chromium-browser',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];
const browserPackages = ['chromium', 'fonts-liberation', 'fonts-wqy-microhei'];
const compilers = { python3: 'python3', make: 'make', 'g++': 'g++' };

/** Path of a Chromium that starts; installs one where that is allowed (see the head of this file). */
export async function ensureChromium() {
  const found = findChromium();
  if (found) {
    if (process.platform === 'linux' && !hasChineseFont()) {
      if (whyNotInstall())
        progress('no Chinese font found: screenshots in Chinese will show boxes (fonts-wqy-microhei)');
      else await withLock(aptLock, () => installPackages(['fonts-wqy-microhei']));
    }
    return found;
  }
  requireInstall('Chromium is missing', browserPackages);
  await withLock(aptLock, () => findChromium() || installPackages(browserPackages));
  const installed = findChromium();
  if (!installed) throw new Error('Chromium was installed but does not start; name a browser with CHROMIUM=/path');
  return installed;
}

/** The VS Code server: `{ node, main, directory, version }`, where `node main` starts it. */
export async function ensureVsCodeServer() {
  const directory = join(cache, `server-${codeServer.version}`);
  const stamp = JSON.stringify({ recipe, codeServer, nodeVersion, platform: process.platform, arch: process.arch });
  const isPresent = () => readText(join(directory, 'stamp.json')) === stamp;
  if (!isPresent()) {
    await ensureCompilers();
    await withLock(join(cache, 'server.lock'), async () => {
      if (!isPresent()) await installServer(directory, stamp);
    });
  }
  const { node } = await ensureNode();
  return { node, main: join(directory, 'out', 'server-main.js'), directory, version: codeServer.version };
}

async function installServer(directory, stamp) {
  for (const name of readdirSync(cache)) {
    if (name.startsWith('incomplete-')) rmSync(join(cache, name), { recursive: true, force: true });
  }
  const work = join(cache, `incomplete-server-${process.pid}`);
  mkdirSync(work, { recursive: true });
  progress(`fetching code-server ${codeServer.version}`);
  const specification = `code-server@${codeServer.version}`;
  const [packed] = JSON.parse(npm(['pack', specification, '--json', '--ignore-scripts', '--loglevel=error'], work));
  if (packed.integrity !== codeServer.integrity) throw new Error(`${specification} is not the package that was pinned`);
  run('tar', ['-xzf', packed.filename, '--strip-components=3', 'package/lib/vscode'], { cwd: work });
  rmSync(join(work, packed.filename));
  progress('installing its dependencies');
  npm(['install', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], work);
  progress(`building ${nativeModules.join(', ')}`);
  const { node, home } = await ensureNode();
  npm(['rebuild', ...nativeModules, '--loglevel=error'], work, {
    PATH: dirname(node) + delimiter + (process.env.PATH ?? ''),
    npm_config_nodedir: home,
    npm_config_ignore_scripts: 'false',
  });
  for (const name of nativeModules) run(node, ['-e', `require(${JSON.stringify(name)})`], { cwd: work });
  writeFileSync(join(work, 'stamp.json'), stamp);
  rmSync(directory, { recursive: true, force: true });
  renameSync(work, directory);
}

/** Node of the pinned version with its headers: from the devDependency, else fetched into the cache folder. */
async function ensureNode() {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const cached = join(cache, `node-${nodeVersion}`);
  const homes = () => [
    join(root, 'node_modules', 'node', 'node_modules', name),
    join(root, 'node_modules', name),
    join(cached, 'node_modules', name),
  ];
  const find = () => homes().find((home) => existsSync(join(home, 'include')) && packageVersion(home) === nodeVersion);
  if (!find()) {
    progress(`fetching Node ${nodeVersion}`);
    mkdirSync(cached, { recursive: true });
    writeFileSync(join(cached, 'package.json'), '{ "private": true }');
    npm(['install', `${name}@${nodeVersion}`, '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], cached);
  }
  const home = find();
  if (!home) throw new Error(`${name}@${nodeVersion} holds no headers`);
  return { home, node: join(home, 'bin', 'node') };
}

async function ensureCompilers() {
  const missing = () => Object.keys(compilers).filter((command) => !hasCommand(command));
  if (missing().length === 0) return;
  const packages = missing().map((command) => compilers[command]);
  requireInstall(`${missing().join(', ')} missing (needed to build the native modules of VS Code)`, packages);
  await withLock(aptLock, () => installPackages(packages));
}

function findChromium() {
  const named = process.env.CHROMIUM;
  if (named) {
    if (!startsAsBrowser(named)) throw new Error(`CHROMIUM=${named} does not start`);
    return named;
  }
  return browserCandidates.find((path) => existsSync(path) && startsAsBrowser(path));
}

// Ubuntu's /usr/bin/chromium-browser may be a stub that only points at a snap: the file alone proves nothing.
function startsAsBrowser(path) {
  return spawnSync(path, ['--version'], { stdio: 'ignore' }).status === 0;
}

function hasChineseFont() {
  // Without fontconfig's tools nothing can be listed: then at least know the font that is installed by this script.
  if (existsSync('/usr/share/fonts/truetype/wqy/wqy-microhei.ttc')) return true;
  const listed = spawnSync('fc-list', [':lang=zh-cn', 'family'], { encoding: 'utf8' });
  return listed.status === 0 && listed.stdout.trim() !== '';
}

function npm(args, directory, environment = {}) {
  // A surrounding `npm run` describes itself in npm_* variables; they would point the inner npm at the wrong package.
  const foreign = /^npm_(?!config_(registry|cache|userconfig|globalconfig|proxy|https_proxy|noproxy|cafile)$)/;
  const inherited = Object.entries(process.env).filter(([name]) => !foreign.test(name));
  return run('npm', args, { cwd: directory, env: { ...Object.fromEntries(inherited), ...environment } });
}

function packageVersion(home) {
  const text = readText(join(home, 'package.json'));
  return text === undefined ? undefined : JSON.parse(text).version;
}

async function main(args) {
  const only = args[1] === '--only' ? args[2] : undefined;
  const known = args.length === 1 || (args.length === 3 && (only === 'chromium' || only === 'server'));
  if (args[0] !== 'ensure' || !known) {
    console.error('usage: node scripts/vscode-host.mjs ensure [--only chromium|server]');
    return 2;
  }
  if (only !== 'server') progress(`Chromium: ${await ensureChromium()}`);
  if (only !== 'chromium') progress(`VS Code server: ${(await ensureVsCodeServer()).directory}`);
  return 0;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    console.error(`vscode-host: ${error.message}`);
    process.exitCode = 1;
  }
}
