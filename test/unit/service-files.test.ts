import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { findFreePort, readServiceOrigin, saveServiceOrigin } from '../../src/vscode/clients/service.ts';
import {
  launchdPlist,
  serviceEnvironment,
  serviceManager,
  systemdUnit,
  windowsScript,
} from '../../src/vscode/clients/service-files.ts';
import { terminalVariables, toTerminalChoice } from '../../src/vscode/clients/terminal-variables.ts';

const program = {
  node: '/opt/node 24/bin/node',
  isElectron: false,
  folder: '/home/me/a b/service',
  home: '/home/me/a b',
};
const place = { userHome: '/home/me', userId: 1000 };

describe('service outside the editor', () => {
  it('is a systemd unit of the user, paths with blanks and signs quoted', () => {
    assert.equal(
      systemdUnit({ ...program, node: '/opt/50%$x/"node"' }),
      `[Unit]
Description=Qwen Proxy

[Service]
WorkingDirectory=/home/me/a b/service
Environment="QWEN_PROXY_HOME=/home/me/a b"
ExecStart="/opt/50%%$$x/\\"node\\"" "/home/me/a b/service/cli.js" serve
Restart=on-failure

[Install]
WantedBy=default.target
`,
    );
  });

  it('is a launch agent, with its texts escaped', () => {
    const plist = launchdPlist({ ...program, isElectron: true, home: '/Users/a&b' });
    assert.match(plist, /<key>QWEN_PROXY_HOME<\/key><string>\/Users\/a&amp;b<\/string>/);
    assert.match(plist, /<key>ELECTRON_RUN_AS_NODE<\/key><string>1<\/string>/);
    assert.match(
      plist,
      /<string>\/opt\/node 24\/bin\/node<\/string>\s+<string>[^<]*cli\.js<\/string>\s+<string>serve</,
    );
  });

  it('is a script on Windows', () => {
    const script = windowsScript({ ...program, isElectron: true });
    assert.match(
      script,
      /set "ELECTRON_RUN_AS_NODE=1"\r\ncd \/d "\/home\/me\/a b\/service"\r\nstart "Qwen Proxy" \/min /,
    );
  });

  const managers: readonly (readonly [string, string | undefined, string])[] = [
    ['linux', '/home/me/.config/systemd/user/qwen-openai-proxy.service', 'systemctl --user disable --now'],
    [
      'darwin',
      '/home/me/Library/LaunchAgents/dev.qwen-openai-proxy.plist',
      'launchctl bootout gui/1000/dev.qwen-openai-proxy',
    ],
    ['win32', undefined, ''],
  ];
  for (const [platform, path, stop] of managers)
    it(`knows how ${platform} starts and ends it, without a secret`, () => {
      const manager = serviceManager(program, { ...place, platform });
      assert.equal(manager?.path, path);
      assert.ok((manager?.stop[0]?.join(' ') ?? '').startsWith(stop));
      assert.doesNotMatch(manager?.text ?? '', /API_KEY/);
    });

  it('reads its settings as they were written', () => {
    const settings = { PORT: '47821', API_KEY: 'k-_1', DEFAULT_MODEL: 'a # b' };
    assert.deepEqual({ ...parseEnv(serviceEnvironment(settings)) }, settings);
    assert.deepEqual({ ...parseEnv(serviceEnvironment({ A: 'x"\nB=1' })) }, { A: 'xB=1' });
  });

  it('is remembered by its address alone', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'qwen-proxy-service-'));
    try {
      assert.equal(await readServiceOrigin(directory), undefined);
      await saveServiceOrigin(directory, 'http://127.0.0.1:1');
      assert.equal(await readServiceOrigin(directory), 'http://127.0.0.1:1');
      await writeFile(join(directory, 'service.json'), '{');
      assert.equal(await readServiceOrigin(directory), undefined);
      await saveServiceOrigin(directory, undefined);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  it('takes a port that nobody has', async () => {
    const { createServer } = await import('node:net');
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const address = taken.address();
    assert.ok(address !== null && typeof address === 'object');
    assert.notEqual(await findFreePort(address.port), address.port);
    taken.close();
  });
});

describe('terminal variables', () => {
  const endpoint = { origin: 'http://127.0.0.1:1', key: 'k' };
  const cases: readonly (readonly [unknown, readonly string[]])[] = [
    ['off', []],
    ['nonsense', []],
    ['anthropic', ['ANTHROPIC_BASE_URL', 'ANTHROPIC_AUTH_TOKEN']],
    ['openai', ['OPENAI_BASE_URL', 'OPENAI_API_BASE', 'OPENAI_API_KEY']],
    ['both', ['ANTHROPIC_BASE_URL', 'ANTHROPIC_AUTH_TOKEN', 'OPENAI_BASE_URL', 'OPENAI_API_BASE', 'OPENAI_API_KEY']],
  ];
  for (const [choice, names] of cases)
    it(`are ${names.length} for ${choice}`, () => {
      const variables = terminalVariables(toTerminalChoice(choice), endpoint);
      assert.deepEqual(Object.keys(variables), names);
      for (const [name, value] of Object.entries(variables))
        assert.equal(
          value,
          name.endsWith('_KEY') || name.endsWith('TOKEN')
            ? 'k'
            : name.startsWith('A')
              ? 'http://127.0.0.1:1/anthropic'
              : 'http://127.0.0.1:1/v1',
        );
    });
});
