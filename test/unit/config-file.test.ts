import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseConfigFile } from '../../src/cli/config-file.ts';

const known = ['PORT', 'ALLOWED_HOSTS', 'MODEL_ALIASES', 'STREAM', 'QWEN_BASE_URL'];
const parse = (text: string) => parseConfigFile('config.yaml', text, known);
const valuesOf = (text: string) => {
  const { values, problems } = parse(text);
  assert.deepEqual(problems, []);
  return Object.fromEntries([...values].map(([name, { value, place }]) => [name, [value, place]]));
};

describe('configuration file', () => {
  it('YAML, with names as variables or as in the editor', () => {
    const text =
      '# a comment\nport: 9000\nallowedHosts:\n  - proxy.lan\n  - other\nSTREAM: yes\nqwenBaseUrl: https://x.y\n';
    assert.deepEqual(valuesOf(text), {
      PORT: [9000, 'config.yaml:2'],
      ALLOWED_HOSTS: [['proxy.lan', 'other'], 'config.yaml:3'],
      STREAM: ['yes', 'config.yaml:6'],
      QWEN_BASE_URL: ['https://x.y', 'config.yaml:7'],
    });
  });
  it('JSON', () => {
    assert.deepEqual(valuesOf('{\n  "port": 9000,\n  "modelAliases": { "fast": "qwen3" }\n}\n'), {
      PORT: [9000, 'config.yaml:2'],
      MODEL_ALIASES: [{ fast: 'qwen3' }, 'config.yaml:3'],
    });
  });
  it('an empty one says nothing', () => assert.deepEqual(valuesOf('# later\n'), {}));
  for (const [name, text, expected] of [
    [
      'unknown names, each with its line',
      'prot: 1\nport: 2\nfoo: 3\n',
      [/^prot .*config\.yaml:1/, /^foo .*config\.yaml:3/],
    ],
    ['a setting under two names', 'port: 1\nPORT: 2\n', [/^PORT is set twice \(config\.yaml:2\)/]],
    ['a list', '- a\n', [/config\.yaml:1/]],
    ['a text', 'hello\n', [/config\.yaml:1/]],
    ['what is no YAML', 'port: 1\nstream: "x\n', [/config\.yaml:[23]/]],
    ['what is no JSON', '{ "port": 1,\n "stream": tru e }, }', [/config\.yaml:2/]],
  ] as const)
    it(`tells of ${name}`, () => {
      const { problems } = parse(text);
      assert.ok(problems.length >= expected.length);
      for (const [index, pattern] of expected.entries()) assert.match(problems[index] ?? '', pattern);
    });
  it('never throws, whatever it holds', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => void parse(text)));
  });
});
