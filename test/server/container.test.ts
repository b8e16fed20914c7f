import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parse } from 'yaml';

const root = join(import.meta.dirname, '..', '..');
const read = (...path: string[]) => readFileSync(join(root, ...path), 'utf8');

/** One `COPY` of a Dockerfile. */
interface Copy {
  readonly fromBuild: boolean;
  readonly sources: readonly string[];
}

/** The instructions of each stage, continued lines joined. */
function stagesOf(text: string): readonly (readonly string[])[] {
  const lines = text
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const stages: string[][] = [];
  for (const line of lines) {
    if (line.startsWith('FROM ')) stages.push([]);
    stages.at(-1)?.push(line);
  }
  return stages;
}

const copiesOf = (stage: readonly string[] = []): readonly Copy[] =>
  stage.flatMap((line) => {
    const [instruction, ...words] = line.trim().split(/\s+/);
    if (instruction !== 'COPY') return [];
    const sources = words.filter((word) => !word.startsWith('--')).slice(0, -1);
    return [{ fromBuild: words.includes('--from=build'), sources }];
  });

describe('container: the Dockerfile, as far as it can be followed without Docker', () => {
  const [build, final] = stagesOf(read('Dockerfile'));
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qwen-proxy-image-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('copies only what the builder is sent', () => {
    const sent = read('.dockerignore')
      .split('\n')
      .flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : []));
    const wanted = [...copiesOf(build), ...copiesOf(final)].flatMap(({ fromBuild, sources }) =>
      fromBuild ? [] : sources,
    );
    assert.deepEqual([...new Set(wanted.map((path) => path.replace(/^\.\//, '')))].toSorted(), sent.toSorted());
    for (const path of sent) assert.ok(existsSync(join(root, path)), path);
  });

  it('what it copies is enough to build, and what the build makes is enough to run', async () => {
    const workspace = join(folder, 'build');
    await mkdir(workspace);
    for (const { sources } of copiesOf(build))
      for (const source of sources)
        await cp(join(root, source), join(workspace, basename(source)), { recursive: true });
    await symlink(join(root, 'node_modules'), join(workspace, 'node_modules'));
    const command =
      build
        ?.find((line) => line.startsWith('RUN node'))
        ?.slice('RUN node '.length)
        .split(' ') ?? [];
    const built = spawnSync(process.execPath, command, { cwd: workspace, encoding: 'utf8' });
    assert.equal(built.status, 0, built.stderr);

    const application = join(folder, 'app', 'dist');
    await mkdir(application, { recursive: true });
    for (const { fromBuild, sources } of copiesOf(final))
      for (const source of fromBuild ? sources : [])
        await cp(source.replace('/build', workspace), join(application, basename(source)));
    const home = join(folder, 'home');
    await mkdir(home);
    const run = (...args: string[]) =>
      spawnSync(process.execPath, [join(application, 'cli.js'), ...args], {
        cwd: home,
        encoding: 'utf8',
        input: '',
        env: { HOME: home, QWEN_PROXY_HOME: join(home, 'data'), HOST: '0.0.0.0', API_KEY: 'k' },
      });
    assert.equal(run('--version').stdout.trim(), JSON.parse(read('package.json')).version);
    assert.equal(run('serve', '--check').status, 0);
    assert.equal(run('accounts', 'list', '--json').stdout.trim(), '[]');
    const notShipped = ['extension.js', 'views.js', 'webview'].filter((name) => existsSync(join(application, name)));
    assert.deepEqual(notShipped, [], 'nothing of the editor');
  });

  it('is not root, and its entry point and health check are no shell', () => {
    assert.ok(final?.includes('USER node'));
    for (const instruction of ['ENTRYPOINT', 'CMD']) {
      const line = final?.find((candidate) => candidate.startsWith(`${instruction} `)) ?? assert.fail(instruction);
      assert.ok(Array.isArray(JSON.parse(line.slice(instruction.length))));
    }
    const health = /CMD (\[.*\])$/.exec(final?.find((line) => line.startsWith('HEALTHCHECK')) ?? '')?.[1] ?? '';
    const [node, flag, script] = JSON.parse(health);
    assert.deepEqual([node, flag], ['node', '-e']);
    // Nobody serves on port 9.
    assert.equal(spawnSync(process.execPath, ['-e', script], { env: { PORT: '9' } }).status, 1);
    assert.ok(!/API_KEY=|ADMIN_KEY=/.test(read('Dockerfile')), 'no key in an image');
  });

  it('compose: read-only, without capabilities, and every key from outside', () => {
    const { services } = parse(read('docs', 'ops', 'compose.yaml'));
    const service = services['qwen-proxy'];
    assert.deepEqual([service.read_only, service.cap_drop], [true, ['ALL']]);
    assert.match(service.environment.API_KEY, /^\$\{API_KEY:\?/);
    assert.match(service.environment.ADMIN_KEY, /^\$\{ADMIN_KEY:\?/);
    assert.deepEqual(service.ports, ['127.0.0.1:8080:8080']);
    assert.deepEqual(service.volumes, ['qwen-proxy:/data']);
    assert.ok(final?.some((line) => line.includes('QWEN_PROXY_HOME=/data')));
  });
});
