import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chinese } from '../../src/cli/chinese.ts';
import { describeMistake } from '../../src/cli/program.ts';
import { displayWidth, formatTable } from '../../src/cli/table.ts';
import { languageOf, t } from '../../src/cli/translate.ts';

const folder = join(import.meta.dirname, '..', '..', 'src', 'cli');

/** Every text that goes through `t`. Fails on one that is no plain literal, which no translator could find. */
function texts(): Set<string> {
  const found = new Set<string>();
  for (const name of readdirSync(folder)) {
    if (name === 'translate.ts') continue;
    for (const [call, quoted] of readFileSync(join(folder, name), 'utf8').matchAll(/\bt\(\s*('(?:[^'\\]|\\.)*')?/g)) {
      assert.ok(quoted, `${name}: ${call} is not given a plain string`);
      found.add(quoted.slice(1, -1).replace(/\\'/g, "'"));
    }
  }
  return found;
}

describe('cli texts', () => {
  it('are all there in Chinese, with the same placeholders, and no more', () => {
    assert.deepEqual(Object.keys(chinese).toSorted(), [...texts()].toSorted());
    const placeholders = (text: string) => [...text.matchAll(/\{\d\}/g)].map(([found]) => found).toSorted();
    for (const [english, translation] of Object.entries(chinese)) {
      assert.deepEqual(placeholders(translation), placeholders(english), english);
      assert.match(translation, /[\u4e00-\u9fff]|Token/, english);
    }
  });
  it('options and descriptions go through it', () => {
    for (const name of ['account-commands.ts', 'service-commands.ts', 'program.ts']) {
      const source = readFileSync(join(folder, name), 'utf8');
      assert.deepEqual(source.match(/\.description\(\s*(?!t\()\S+/g) ?? [], [], name);
      assert.deepEqual(source.match(/[oO]ption\(\s*'[^']+',\s*(?!t\()\S+/g) ?? [], [], name);
    }
  });
  for (const [environment, language] of [
    [{}, 'en'],
    [{ LANG: 'C.UTF-8' }, 'en'],
    [{ LANG: 'zh_CN.UTF-8' }, 'zh-cn'],
    [{ LANG: 'zh_CN.UTF-8', LC_ALL: 'en_GB.UTF-8' }, 'en'],
    [{ LANG: 'de_DE', LC_MESSAGES: 'zh_TW' }, 'zh-cn'],
    [{ LC_ALL: 'zh_CN', QWEN_PROXY_LANG: 'en' }, 'en'],
    [{ QWEN_PROXY_LANG: 'zh' }, 'zh-cn'],
    [{ QWEN_PROXY_LANG: '', LANG: 'zh' }, 'zh-cn'],
  ] as const)
    it(`${JSON.stringify(environment)} is ${language}`, () => assert.equal(languageOf(environment), language));
  it('fill in what they are given', () => {
    assert.equal(t('added {0} ({1})', 'a', '$&'), 'added a ($&)');
  });
  it('a mistake that commander finds is told in our words, another one in its own', () => {
    assert.equal(describeMistake("error: unknown option '--x'\n"), 'There is no option --x.\n');
    assert.equal(describeMistake('error: something new\n'), 'error: something new\n');
  });
  it('a table keeps its columns where characters are wide', () => {
    const lines = formatTable([
      { 名称: '甲', 请求: '5' },
      { 名称: 'abcdef', 请求: '1234' },
    ]).split('\n');
    assert.deepEqual(lines, ['名称    请求', '甲         5', 'abcdef  1234', '']);
    assert.equal(displayWidth('\u001b[1m甲a\u001b[22m'), 3);
  });
});
