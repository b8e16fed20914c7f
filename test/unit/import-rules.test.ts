import assert from 'node:assert/strict';
import { findViolations } from '../../scripts/check-imports.mjs';

describe('import rules', () => {
  const cases: readonly (readonly [string, string, string | undefined])[] = [
    ['core/a.ts', "import { b } from './b.ts';", undefined],
    ['core/a.ts', "import { b } from '../wire/b.ts';", 'src/core/a.ts imports src/wire/b.ts'],
    ['dialects/x/a.ts', "import { sse } from '../../wire/sse.ts';", undefined],
    [
      'dialects/x/a.ts',
      "import { pool } from '../../accounts/pool.ts';",
      'src/dialects/x/a.ts imports src/accounts/pool.ts',
    ],
    ['gateway/gateway.ts', "import x from '../upstream/x.ts';", 'src/gateway/gateway.ts imports src/upstream/x.ts'],
    ['gateway/proxy.ts', "import x from '../upstream/x.ts';", undefined],
    ['cli/a.ts', "import { p } from '../gateway/main.ts';", undefined],
    ['cli/a.ts', "import { p } from '../gateway/proxy.ts';", 'src/cli/a.ts imports src/gateway/proxy.ts'],
    ['gateway/a.ts', "import { H3 } from 'h3';", 'src/gateway/a.ts imports h3, which belongs to src/server'],
    [
      'gateway/a.ts',
      "import * as vscode from 'vscode';",
      'src/gateway/a.ts imports vscode, which belongs to src/vscode',
    ],
    ['tokens/a.ts', "import { J } from '../core/json.ts';", undefined],
    ['tokens/a.ts', "import m from '../upstream/models.ts';", 'src/tokens/a.ts imports src/upstream/models.ts'],
    ['gateway/proxy.ts', "import c from '../tokens/counter.ts';", undefined],
    ['helpers/a.ts', '', 'src/helpers/a.ts lies in no folder of the architecture'],
  ];
  for (const [path, text, violation] of cases)
    it(`${violation === undefined ? 'allows' : 'finds'} ${text || path} in ${path}`, () => {
      assert.deepEqual(findViolations([{ path, text }]), violation === undefined ? [] : [violation]);
    });
});
