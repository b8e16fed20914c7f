import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from '../../clients/detect.ts';
import { readAll, sendRequest } from '../../clients/http-request.ts';
import { isJsonObject, parseJson, stringField } from '../../core/json.ts';
import { type ServiceManager, type ServiceProgram, serviceEnvironment } from './service-files.ts';

const run = promisify(execFile);
const callTimeoutMs = 30_000;
const startTimeoutMs = 15_000;
const pollMs = 200;
const portsToTry = 20;

/** Name of the record in the state folder that there is a service, and where it serves. */
const recordName = 'service.json';

/** Address of the service that was set up from here; `undefined` = there is none. */
export async function readServiceOrigin(stateDirectory: string): Promise<string | undefined> {
  const record = parseJson(await readFile(join(stateDirectory, recordName), 'utf8').catch(() => ''));
  return isJsonObject(record) ? stringField(record, 'origin') : undefined;
}

export async function saveServiceOrigin(stateDirectory: string, origin: string | undefined): Promise<void> {
  const path = join(stateDirectory, recordName);
  await (origin === undefined
    ? rm(path, { force: true })
    : writeFile(path, JSON.stringify({ origin }), { mode: 0o600 }));
}

/** A Node that outlives the editor: the user's own if it is new enough, else the editor's program acting as one. */
export async function findNode(environment: NodeJS.ProcessEnv): Promise<Pick<ServiceProgram, 'node' | 'isElectron'>> {
  const own = await findProgram('node', environment);
  if (own !== undefined) {
    const { stdout } = await run(own, ['--version'], { timeout: callTimeoutMs }).catch(() => ({ stdout: '' }));
    const [major = 0, minor = 0] = stdout.replace('v', '').split('.').map(Number);
    if (major > 22 || (major === 22 && minor >= 19)) return { node: own, isElectron: false };
  }
  return { node: process.execPath, isElectron: process.versions.electron !== undefined };
}

/** Copies the program out of the extension's folder, which an update replaces, and writes its settings (0600). */
export async function installProgram(
  { folder, home }: ServiceProgram,
  { dist, settings }: { readonly dist: string; readonly settings: Readonly<Record<string, string>> },
): Promise<void> {
  for (const each of [home, folder]) {
    await mkdir(each, { recursive: true, mode: 0o700 });
    await chmod(each, 0o700);
  }
  for (const entry of await readdir(dist, { withFileTypes: true }))
    if (entry.isFile()) await copyFile(join(dist, entry.name), join(folder, entry.name));
  const path = join(folder, '.env');
  await rm(path, { force: true });
  await writeFile(path, serviceEnvironment(settings), { mode: 0o600 });
}

/**
 * Hands the accounts to the headless store, encrypted under a passphrase that nobody else ever sees. Accounts that are
 * there already stay as they are.
 */
export async function importAccounts(
  program: ServiceProgram,
  exportAccounts: (passphrase: string) => Promise<string>,
): Promise<void> {
  const passphrase = randomBytes(24).toString('base64url');
  const path = join(program.folder, `accounts-${randomBytes(6).toString('hex')}.json`);
  try {
    await writeFile(path, await exportAccounts(passphrase), { mode: 0o600, flag: 'wx' });
    await run(program.node, [join(program.folder, 'cli.js'), 'accounts', 'import', path, '--on-conflict', 'skip'], {
      cwd: program.folder,
      timeout: callTimeoutMs,
      env: {
        ...process.env,
        QWEN_PROXY_HOME: program.home,
        QWEN_PROXY_PASSPHRASE: passphrase,
        ...(program.isElectron && { ELECTRON_RUN_AS_NODE: '1' }),
      },
    });
  } finally {
    await rm(path, { force: true });
  }
}

/** Writes the manager's file and starts the service. Rejects with what the manager said. */
export async function startService({ path, text, start, stop }: ServiceManager): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text, { mode: 0o600 });
  // launchd refuses a service that is there already; systemd is told to start anew.
  if (path.endsWith('.plist')) await callAll(stop).catch(() => {});
  await callAll(start);
}

/** Ends the service and takes away its files; accounts and usage of the headless server stay. */
export async function removeService({ path, stop }: ServiceManager, { folder }: ServiceProgram): Promise<void> {
  await callAll(stop);
  await rm(path, { force: true });
  await rm(folder, { recursive: true, force: true });
}

async function callAll(calls: readonly (readonly string[])[]): Promise<void> {
  for (const [program = '', ...words] of calls) await run(program, words, { timeout: callTimeoutMs });
}

/** The first port from `wanted` on that nobody has now. */
export async function findFreePort(wanted: number): Promise<number> {
  for (let port = wanted; port < wanted + portsToTry; port += 1) if (await isFree(port)) return port;
  throw new Error(`No port from ${wanted} to ${wanted + portsToTry - 1} is free.`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer().once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

/** Waits until the service answers; rejects when it does not. */
export async function waitForService(origin: string): Promise<void> {
  const deadline = performance.now() + startTimeoutMs;
  for (;;) {
    if (await isServing(origin)) return;
    if (performance.now() > deadline) throw new Error(`Nobody answers at ${origin}.`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

async function isServing(origin: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(callTimeoutMs);
    const answer = await sendRequest({ method: 'GET', url: `${origin}/health`, headers: {}, signal });
    const health = parseJson(await readAll(answer));
    return isJsonObject(health) && health.name === 'qwen-proxy';
  } catch {
    return false;
  }
}
