import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { accountStrategies, settingNames } from '../../src/core/settings.ts';
import { commandIds } from '../../src/vscode/command-ids.ts';
import { administeredCommands } from '../../src/vscode/gateway-commands.ts';
import {
  defaultPort,
  editorOnlySettingKeys,
  secretSettingNames,
  settingKeys,
  settingsSection,
  toProxySettings,
} from '../../src/vscode/settings-table.ts';

const root = join(import.meta.dirname, '..', '..');
const readJson = (...path: string[]) => JSON.parse(readFileSync(join(root, ...path), 'utf8'));

interface Command {
  readonly command: string;
  readonly title: string;
  readonly category: string;
}
interface Setting {
  readonly scope: string;
  readonly order: number;
  readonly markdownDescription: string;
  readonly default: unknown;
  readonly enum?: readonly string[];
}

const manifest = readJson('package.json');
const commands: readonly Command[] = manifest.contributes.commands;
const settings: Readonly<Record<string, Setting>> = manifest.contributes.configuration.properties;

function vscodeSources(): string[] {
  const folder = join(root, 'src', 'vscode');
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));
}

/** Every text that goes through `l10n.t`. Fails on one that is no plain literal, which no translator could find. */
function translatedTexts(): Set<string> {
  const texts = new Set<string>();
  for (const source of vscodeSources()) {
    for (const [call, quoted] of source.matchAll(/l10n\s*\.t\(\s*('(?:[^'\\]|\\.)*')?/g)) {
      assert.ok(quoted, `${call} is not given a plain string`);
      texts.add(quoted.slice(1, -1).replace(/\\'/g, "'"));
    }
  }
  return texts;
}

describe('manifest', () => {
  it('contributes exactly the commands of the table, in the category Qwen', () => {
    assert.deepEqual(commands.map(({ command }) => command).sort(), [...commandIds].sort());
    for (const { category } of commands) assert.equal(category, 'Qwen');
  });

  it('shows only known commands in menus and uses only known context keys', () => {
    const known = new Set<string>(commandIds);
    const menus: Readonly<Record<string, readonly { command: string; when: string }[]>> = manifest.contributes.menus;
    const items = Object.values(menus).flat();
    for (const { command, when } of items) {
      assert.ok(known.has(command), command);
      for (const [key] of when.matchAll(/qwenProxy\.\w+/g)) {
        const keys = ['qwenProxy.running', 'qwenProxy.hasAccounts', 'qwenProxy.accounts', 'qwenProxy.isGatewayClient'];
        assert.ok(keys.includes(key), key);
      }
    }
  });

  it('hides from clients of a team gateway what its administrator does', () => {
    const menus: Readonly<Record<string, readonly { command: string; when: string }[]>> = manifest.contributes.menus;
    for (const id of administeredCommands) {
      const items = Object.entries(menus).flatMap(([menu, all]) => all.map((item) => ({ menu, ...item })));
      const own = items.filter(({ command }) => command === id);
      assert.ok(
        own.some(({ menu }) => menu === 'commandPalette'),
        id,
      );
      for (const { menu, when } of own) assert.match(when, /!qwenProxy\.isGatewayClient$/, `${id} in ${menu}`);
    }
  });

  it('names only known commands and context keys in the welcome view and the walkthrough', () => {
    const { walkthroughs, viewsWelcome } = manifest.contributes;
    const texts: Readonly<Record<string, string>> = readJson('package.nls.json');
    const links = Object.values(texts).flatMap((text) =>
      [...text.matchAll(/\(command:([\w.]+)\)/g)].map(([, id]) => id),
    );
    assert.ok(links.length >= 9);
    const events = [...JSON.stringify([walkthroughs, viewsWelcome]).matchAll(/onCommand:([\w.]+)/g)].map(
      ([, id]) => id,
    );
    const known: readonly (string | undefined)[] = commandIds;
    assert.deepEqual(
      [...links, ...events].filter((id) => !known.includes(id)),
      [],
    );
    const chinese: Readonly<Record<string, string>> = readJson('package.nls.zh-cn.json');
    const commandsOf = (text = '') => [...text.matchAll(/command:[\w.]+/g)].map(([id]) => id);
    for (const [key, text] of Object.entries(texts)) assert.deepEqual(commandsOf(chinese[key]), commandsOf(text), key);
    const set = readFileSync(join(root, 'src', 'vscode', 'context-keys.ts'), 'utf8');
    for (const [, key] of JSON.stringify([walkthroughs, viewsWelcome]).matchAll(/(?:onContext:|!)(qwenProxy\.\w+)/g))
      assert.ok(set.includes(`'${key}'`), key);
  });

  it('mirrors the environment table, but for secrets', () => {
    const secret: readonly string[] = secretSettingNames;
    assert.deepEqual(
      settingNames.filter((name) => !secret.includes(name)),
      Object.keys(settingKeys),
    );
    const expected = [...Object.values(settingKeys), ...editorOnlySettingKeys].map(
      (key) => `${settingsSection}.${key}`,
    );
    assert.deepEqual(Object.keys(settings).sort(), expected.sort());
  });

  it('keeps every setting out of the reach of a workspace', () => {
    assert.equal(manifest.capabilities.untrustedWorkspaces.supported, 'limited');
    assert.deepEqual(
      manifest.capabilities.untrustedWorkspaces.restrictedConfigurations.toSorted(),
      Object.keys(settings).toSorted(),
    );
    const orders = new Set<number>();
    for (const [id, { scope, order, markdownDescription }] of Object.entries(settings)) {
      assert.ok(scope === 'machine' || scope === 'application', `${id} has scope ${scope}`);
      assert.match(markdownDescription, /^%.+%$/, id);
      assert.equal(typeof order, 'number', id);
      assert.ok(!orders.has(order), `${id} shares its order`);
      orders.add(order);
    }
  });

  it('has the defaults of the server', () => {
    const fromManifest = toProxySettings((key) => settings[`${settingsSection}.${key}`]?.default);
    assert.deepEqual(
      fromManifest,
      toProxySettings(() => undefined),
    );
    assert.deepEqual(fromManifest.refused, []);
    assert.equal(fromManifest.settings.port, defaultPort);
    assert.deepEqual(settings['qwenProxy.accountStrategy']?.enum, accountStrategies);
  });

  it('is translated completely', () => {
    const used = new Set([...JSON.stringify(manifest).matchAll(/"%([^%]+)%"/g)].map(([, key]) => key));
    const english = readJson('package.nls.json');
    const chinese = readJson('package.nls.zh-cn.json');
    assert.deepEqual(Object.keys(english).sort(), [...used].sort());
    assert.deepEqual(Object.keys(chinese).sort(), Object.keys(english).sort());
  });

  it('has every text of the code in Chinese, with the same placeholders', () => {
    const bundle: Readonly<Record<string, string>> = readJson('l10n', 'bundle.l10n.zh-cn.json');
    assert.deepEqual(Object.keys(bundle).sort(), [...translatedTexts()].sort());
    const placeholders = (text: string) => [...text.matchAll(/\{\d\}|\$\([\w~-]+\)/g)].map(([found]) => found).sort();
    for (const [text, translation] of Object.entries(bundle)) {
      assert.deepEqual(placeholders(translation), placeholders(text), text);
    }
  });

  it('fits the rules of the gallery', () => {
    const description: string = readJson('package.nls.json').description;
    assert.match(description, /unofficial/i);
    assert.ok(description.length < 200, `description has ${description.length} characters`);
    assert.deepEqual(manifest.extensionKind, ['workspace']);
    assert.deepEqual(manifest.activationEvents, ['onStartupFinished']);
    assert.ok(manifest.keywords.includes('language-models'));
    assert.ok(manifest.keywords.length <= 30);
    assert.equal(manifest.type, undefined, 'the bundles are CommonJS');
    const icon = readFileSync(join(root, manifest.icon));
    assert.deepEqual([icon.readUInt32BE(16), icon.readUInt32BE(20)], [256, 256]);
  });
});

describe('editor settings', () => {
  it('replaces what cannot be used by its default and names the setting', () => {
    const values: Readonly<Record<string, unknown>> = { port: 'eighty', stream: true, requireApiKey: 'no' };
    const { settings: read, refused } = toProxySettings((key) => values[key]);
    assert.equal(read.port, defaultPort);
    assert.equal(read.stream, true);
    assert.equal(read.apiKeys, 'generated');
    assert.deepEqual(refused.map(({ id }) => id).sort(), ['qwenProxy.port', 'qwenProxy.requireApiKey']);
  });

  it('stays on this machine', () => {
    const values: Readonly<Record<string, unknown>> = { host: '0.0.0.0', requireApiKey: false };
    const { settings: read, refused } = toProxySettings((key) => values[key]);
    assert.equal(read.host, '127.0.0.1');
    assert.ok(refused.some(({ id, reason }) => id === 'qwenProxy.host' && reason === 'remote-host'));
  });

  it('turns the key off only where the user said so', () => {
    assert.equal(toProxySettings(() => undefined).settings.apiKeys, 'generated');
    const values: Readonly<Record<string, unknown>> = { requireApiKey: false };
    assert.equal(toProxySettings((key) => values[key]).settings.apiKeys, 'off');
  });
});
