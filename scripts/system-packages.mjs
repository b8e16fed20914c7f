/**
 * Packages of the operating system that tests need, and whether they may be installed here without asking (the rule is
 * told at the head of `vscode-host.mjs`).
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Why packages may not be installed here without asking; undefined where they may. */
export function whyNotInstall() {
  if (process.env.QWEN_PROXY_TEST_INSTALL === '0') return 'QWEN_PROXY_TEST_INSTALL=0 forbids it';
  if (!existsSync('/etc/debian_version') || !hasCommand('apt-get')) return 'this is no Debian-like system';
  if (process.getuid?.() !== 0) return 'it needs root';
  if (process.env.QWEN_PROXY_TEST_INSTALL === '1' || isContinuousIntegration() || isContainer() || isServer()) return;
  return 'this looks like a personal machine; QWEN_PROXY_TEST_INSTALL=1 allows it';
}

/** Throws with the command to run unless packages may be installed here. */
export function requireInstall(problem, packages) {
  const reason = whyNotInstall();
  if (!reason) return;
  const command = `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  throw new Error(`${problem}. Not installed by itself: ${reason}. Run as root:\n  ${command}`);
}

/** Installs packages of Debian. */
export function installPackages(packages) {
  progress(`installing ${packages.join(' ')}`);
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const wait = ['-qq', '-o', 'DPkg::Lock::Timeout=300'];
  run('apt-get', [...wait, 'update'], { env: environment });
  run('apt-get', [...wait, 'install', '-y', '--no-install-recommends', ...packages], { env: environment });
}

/** Whether a program is in the PATH. */
export function hasCommand(name) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Runs a program and returns what it printed; what it printed before failing is in the error. */
export function run(command, args, options = {}) {
  try {
    return execFileSync(command, args, {
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...options,
    });
  } catch (error) {
    throw new Error(`${command} ${args.join(' ')} failed: ${error.message}\n${error.stdout ?? ''}`);
  }
}

/** Runs `action` in one process at a time; the lock of a process that died is taken over. */
export async function withLock(path, action) {
  mkdirSync(dirname(path), { recursive: true });
  const deadline = Date.now() + 15 * 60_000;
  for (let announced = false; !tryLock(path); announced = true) {
    const holder = Number(readText(path));
    if (holder && !isAlive(holder)) {
      rmSync(path, { force: true });
      continue;
    }
    if (Date.now() > deadline) throw new Error(`waited 15 min for process ${holder} to release ${path}`);
    if (!announced) progress(`waiting for process ${holder}, which is installing`);
    await sleep(250);
  }
  try {
    return await action();
  } finally {
    rmSync(path, { force: true });
  }
}

/** Text of a file; undefined when there is none. */
export function readText(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

/** Tells what takes time. */
export function progress(line) {
  console.log(`vscode-host: ${line}`);
}

function isContinuousIntegration() {
  return process.env.CI === 'true' || process.env.CI === '1';
}

function isContainer() {
  if (existsSync('/.dockerenv') || existsSync('/run/.containerenv')) return true;
  if (/docker|containerd|kubepods|libpod|lxc/.test(readText('/proc/1/cgroup') ?? '')) return true;
  return spawnSync('systemd-detect-virt', ['--container', '--quiet'], { stdio: 'ignore' }).status === 0;
}

function isServer() {
  const signsOfPerson = ['DISPLAY', 'WAYLAND_DISPLAY', 'XDG_CURRENT_DESKTOP', 'SUDO_USER'];
  return !signsOfPerson.some((name) => process.env[name]) && !existsSync('/etc/X11/default-display-manager');
}

function tryLock(path) {
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
