import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Client, Endpoint } from '../../src/clients/client.ts';
import { type ClientHome, findStaleClients, undoWrite, writeClient } from '../../src/clients/configure.ts';
import { detectClients } from '../../src/clients/detect.ts';
import { planEdit } from '../../src/clients/plan-edit.ts';
import { clientById, clients } from '../../src/clients/table.ts';
import { isUnchanged } from '../../src/clients/write-file.ts';
import { lastWrites, readWriteLog } from '../../src/clients/write-log.ts';

const endpoint: Endpoint = { origin: 'http://127.0.0.1:1', key: 'key-one', model: { id: 'm', name: 'M' } };
/** Not in any canonical form, so that only the bytes themselves can be right. */
const original = '{ "env" :{\r\n"FOO": "ü"}\n\n}';

describe('clients: writing', () => {
  let directory: string;
  let home: ClientHome;
  let path: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'qwen-proxy-clients-'));
    home = { stateDirectory: join(directory, 'state'), folders: { home: join(directory, 'home'), environment: {} } };
    path = join(directory, 'home', '.claude', 'settings.json');
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const claude = (): Client & Required<Pick<Client, 'file'>> => {
    const client = clientById('claude-code');
    assert.ok(client?.file);
    return { ...client, file: client.file };
  };
  const put = async (text: string, at = path) => {
    await mkdir(dirname(at), { recursive: true });
    await writeFile(at, text);
  };
  const configure = async (to = endpoint) => {
    const plan = await planEdit(claude().file, home.folders, to);
    assert.equal(plan.kind, 'edit');
    if (plan.kind !== 'edit') throw new Error();
    const { realPath, text } = plan.file;
    return writeClient(home, { client: claude(), path: realPath, before: text, after: plan.after, origin: to.origin });
  };
  const modeOf = async (at: string) => (await stat(at)).mode & 0o777;
  const undoLast = async () => {
    const last = (await readWriteLog(home.stateDirectory)).at(-1);
    assert.ok(last);
    await undoWrite(home, last);
  };

  it('keeps a private copy beside the file, and an undo restores bytes and permissions', async () => {
    await put(original);
    await chmod(path, 0o644);
    const { backup = '' } = await configure();
    assert.equal(await readFile(backup, 'utf8'), original);
    assert.deepEqual([await modeOf(backup), await modeOf(path)], [0o600, 0o600]);
    assert.match(await readFile(path, 'utf8'), /key-one/);
    await undoLast();
    assert.deepEqual(await readFile(path), Buffer.from(original));
    assert.equal(await modeOf(path), 0o644);
    assert.deepEqual(await readdir(dirname(path)), ['settings.json']);
    assert.deepEqual(await readdir(home.stateDirectory), []);
  });

  it('removes on undo a file that was not there before', async () => {
    await configure();
    assert.equal(await modeOf(path), 0o600);
    await undoLast();
    assert.deepEqual(await readdir(dirname(path)), []);
  });

  it('remembers no key and no text', async () => {
    await put(original);
    await configure();
    const log = await readFile(join(home.stateDirectory, 'configured-clients.json'), 'utf8');
    assert.doesNotMatch(log, /key-one|FOO/);
    assert.equal(await modeOf(join(home.stateDirectory, 'configured-clients.json')), 0o600);
  });

  it('offers new texts for a new port or key, and goes back to the first text all the same', async () => {
    await put(original);
    await configure();
    const stale = (origin: string, key: string, exceptOrigin?: string) =>
      findStaleClients(home, { origin, key, ...(exceptOrigin !== undefined && { exceptOrigin }) });
    assert.deepEqual(await stale('http://127.0.0.1:1', 'key-one'), []);
    assert.deepEqual(await stale('http://127.0.0.1:2', 'key-one', 'http://127.0.0.1:1'), []);
    assert.equal((await stale('http://127.0.0.1:1', 'key-two')).length, 1);
    const [moved] = await stale('http://127.0.0.1:2', 'key-two');
    assert.ok(moved);
    assert.match(moved.after, /127\.0\.0\.1:2\/anthropic.*key-two.*"m"/s);
    await writeClient(home, { ...moved, origin: 'http://127.0.0.1:2' });
    assert.deepEqual(await stale('http://127.0.0.1:2', 'key-two'), []);
    assert.equal((await readWriteLog(home.stateDirectory)).length, 1);
    await undoLast();
    assert.equal(await readFile(path, 'utf8'), original);
  });

  it('leaves a client alone that was pointed elsewhere since', async () => {
    await configure();
    await writeFile(path, '{ "env": { "ANTHROPIC_BASE_URL": "https://api.example.com" } }');
    assert.deepEqual(await findStaleClients(home, { origin: 'http://127.0.0.1:2', key: 'k' }), []);
  });

  it('knows that a file was changed since, and then keeps a copy of that too', async () => {
    await put(original);
    const first = await configure();
    const changed = (await readFile(path, 'utf8')).replace('FOO', 'BAR');
    await writeFile(path, changed);
    assert.equal(await isUnchanged(first), false);
    await configure({ ...endpoint, key: 'key-two' });
    assert.deepEqual((await readdir(dirname(path))).sort(), [
      'settings.json',
      'settings.json.before-qwen-proxy',
      'settings.json.before-qwen-proxy-2',
    ]);
    await undoLast();
    assert.equal(await readFile(path, 'utf8'), changed);
    await undoLast();
    assert.equal(await readFile(path, 'utf8'), original);
  });

  it('does not write over what changed while the user looked at it', async () => {
    await put(original);
    const write = { client: claude(), path, before: '{}', after: '{"a":1}\n', origin: endpoint.origin };
    await assert.rejects(writeClient(home, write), { name: 'ChangedMeanwhileError' });
    assert.equal(await readFile(path, 'utf8'), original);
    assert.deepEqual(await readdir(dirname(path)), ['settings.json']);
  });

  it('refuses, untouched, a file that cannot be parsed', async () => {
    await put('{ broken');
    assert.deepEqual(await planEdit(claude().file, home.folders, endpoint), {
      kind: 'refused',
      reason: 'unreadable',
      file: { path, realPath: path, text: '{ broken' },
    });
    assert.equal(await readFile(path, 'utf8'), '{ broken');
  });

  it('refuses a file of a repository, also behind a link', async () => {
    const dotfiles = join(directory, 'dotfiles');
    await mkdir(join(dotfiles, '.git'), { recursive: true });
    await put(original, join(dotfiles, 'claude.json'));
    await mkdir(dirname(path), { recursive: true });
    await symlink(join(dotfiles, 'claude.json'), path);
    const plan = await planEdit(claude().file, home.folders, endpoint);
    assert.equal(plan.kind === 'refused' && plan.reason, 'repository');
  });

  it('writes through a link that leads to no repository, and leaves the link', async () => {
    const target = join(directory, 'elsewhere', 'claude.json');
    await put(original, target);
    await mkdir(dirname(path), { recursive: true });
    await symlink(target, path);
    await configure();
    assert.match(await readFile(target, 'utf8'), /key-one/);
    assert.equal((await readWriteLog(home.stateDirectory))[0]?.path, target);
    await undoLast();
    assert.equal(await readFile(path, 'utf8'), original);
  });

  it('does not replace a link to nowhere', async () => {
    await mkdir(dirname(path), { recursive: true });
    await symlink(join(directory, 'gone'), path);
    await assert.rejects(planEdit(claude().file, home.folders, endpoint), /ENOENT/);
  });

  it('does not begin a file that would hide the client’s older one', async () => {
    await put('{}', join(directory, 'home', '.continue', 'config.json'));
    const file = clientById('continue')?.file;
    assert.ok(file);
    const plan = await planEdit(file, home.folders, endpoint);
    assert.equal(plan.kind === 'refused' && plan.reason, 'hides-other');
  });

  it('undoes each file by its last write', async () => {
    await configure();
    const writes = await readWriteLog(home.stateDirectory);
    assert.deepEqual(lastWrites([...writes, ...writes]), writes);
  });

  it('finds clients by program, extension and file', async () => {
    const bin = join(directory, 'bin');
    await put('#!/bin/sh\n', join(bin, 'codex'));
    await chmod(join(bin, 'codex'), 0o755);
    await put('{ "env": { "ANTHROPIC_BASE_URL": "https://x" } }');
    const folders = { ...home.folders, environment: { PATH: bin } };
    const found = await detectClients(clients, folders, (id) => id === 'saoudrizwan.claude-dev');
    const installed = found.filter(({ isInstalled }) => isInstalled).map(({ client }) => client.id);
    assert.deepEqual(installed, ['claude-code', 'codex', 'cline']);
    assert.deepEqual(found[0]?.setting, { baseUrl: 'https://x' });
  });
});
