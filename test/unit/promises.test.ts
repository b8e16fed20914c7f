import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseSettings } from '../../src/core/settings.ts';
import { limits } from '../../src/server/limits.ts';

const root = join(import.meta.dirname, '..', '..');
const promises = readFileSync(join(root, 'docs', 'promises.md'), 'utf8');
const rows = promises.split('\n').filter((line) => /^\| (?!-|Promise|Limit)/.test(line));

const suites = new Map<string, string>();
for (const path of readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' }))
  if (path.endsWith('.test.ts') && !path.includes('node_modules'))
    suites.set(basename(path), `${suites.get(basename(path)) ?? ''}${readFileSync(join(root, 'test', path), 'utf8')}`);

/** Titles as they are written, apart from how their quotes are. */
const plain = (text: string) => text.replaceAll("\\'", "'");

describe('promises', () => {
  it('every line names a test', () => {
    assert.ok(rows.length > 30);
    for (const row of rows) assert.match(row, /`[\w-]+\.test\.ts` “[^”]+”/, row);
  });
  it('every test that is named exists', () => {
    for (const [, file = '', title = ''] of promises.matchAll(/`([\w-]+\.test\.ts)` “([^”]+)”/g))
      assert.ok(plain(suites.get(file) ?? '').includes(title), `${file} has no “${title}”`);
  });
  it('every limit is listed with its value', () => {
    const value = (name: string, limit: number) => {
      if (name.endsWith('Ms')) return `${limit / 1_000} s`;
      if (!name.endsWith('Bytes')) return String(limit);
      return limit < 1024 * 1024 ? `${limit / 1024} KiB` : `${limit / 1024 / 1024} MiB`;
    };
    const listed = rows.flatMap((row) => {
      const [, name, shown] = /^\| `(\w+)` *\| ([^|]+?) *\|/.exec(row) ?? [];
      return name === undefined ? [] : [[name, shown]];
    });
    assert.deepEqual(listed, [
      ...Object.entries(limits).map(([name, limit]) => [name, value(name, limit)]),
      ['UPLOAD_LIMIT_MIB', value('Bytes', parseSettings({}, { port: 0 }).settings.uploadLimitBytes)],
      ['REQUESTS_PER_MINUTE', parseSettings({}, { port: 0 }).settings.requestsPerMinute === 0 ? 'off' : 'on'],
    ]);
  });
});
