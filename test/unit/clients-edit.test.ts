import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { ClientFile, Endpoint } from '../../src/clients/client.ts';
import { readToml } from '../../src/clients/edit-toml.ts';
import { editText } from '../../src/clients/plan-edit.ts';
import { clientById, clients } from '../../src/clients/table.ts';

const endpoint: Endpoint = {
  origin: 'http://127.0.0.1:47820',
  key: 'local-key',
  model: { id: 'qwen3-coder-plus', name: 'Qwen3 Coder Plus', contextWindow: 1_000_000, maxOutput: 65_536 },
};
const bare: Endpoint = { ...endpoint, model: { id: 'm', name: 'M' } };

function fileOf(id: string): ClientFile {
  const file = clientById(id)?.file;
  assert.ok(file, id);
  return file;
}

interface Edit {
  readonly client: string;
  readonly name: string;
  readonly before: string;
  readonly after: string;
  readonly endpoint?: Endpoint;
}

const edits: readonly Edit[] = [
  {
    client: 'claude-code',
    name: 'keeps comments, tabs and other variables, and takes out the key of the vendor',
    before: `{
\t// mine
\t"permissions": { "allow": ["Bash(ls)"] }, // keep
\t"env": {
\t\t"ANTHROPIC_API_KEY": "vendor-key",
\t\t"FOO": "1" // of mine
\t}
}
`,
    after: `{
\t// mine
\t"permissions": { "allow": ["Bash(ls)"] }, // keep
\t"env": {
\t\t"FOO": "1", // of mine
\t\t"ANTHROPIC_BASE_URL": "http://127.0.0.1:47820/anthropic",
\t\t"ANTHROPIC_AUTH_TOKEN": "local-key",
\t\t"ANTHROPIC_MODEL": "qwen3-coder-plus",
\t\t"ANTHROPIC_DEFAULT_OPUS_MODEL": "qwen3-coder-plus",
\t\t"ANTHROPIC_DEFAULT_SONNET_MODEL": "qwen3-coder-plus",
\t\t"ANTHROPIC_DEFAULT_HAIKU_MODEL": "qwen3-coder-plus"
\t}
}
`,
  },
  {
    client: 'claude-code',
    name: 'changes its own values in place, with the line ends of the file',
    endpoint: bare,
    before:
      '{\r\n  "env": {\r\n    "ANTHROPIC_BASE_URL": "http://127.0.0.1:1/anthropic", // port\r\n    "ANTHROPIC_AUTH_TOKEN": "old"\r\n  }\r\n}\r\n',
    after:
      '{\r\n  "env": {\r\n    "ANTHROPIC_BASE_URL": "http://127.0.0.1:47820/anthropic", // port\r\n    "ANTHROPIC_AUTH_TOKEN": "local-key",\r\n    "ANTHROPIC_MODEL": "m",\r\n    "ANTHROPIC_DEFAULT_OPUS_MODEL": "m",\r\n    "ANTHROPIC_DEFAULT_SONNET_MODEL": "m",\r\n    "ANTHROPIC_DEFAULT_HAIKU_MODEL": "m"\r\n  }\r\n}\r\n',
  },
  {
    client: 'codex',
    name: 'keeps comments, sections and quoted names',
    before: `# my codex
model = "gpt-5.5" # best
approval_policy = "on-request"

[mcp_servers.docs] # docs
command = "npx"
args = ["-y", "docs"]

# trusted
[projects."/home/me/a b"]
trust_level = "trusted"
`,
    after: `# my codex
model = "qwen3-coder-plus" # best
approval_policy = "on-request"
model_provider = "qwen-proxy"
model_context_window = 1000000

[mcp_servers.docs] # docs
command = "npx"
args = ["-y", "docs"]

# trusted
[projects."/home/me/a b"]
trust_level = "trusted"

[model_providers.qwen-proxy]
name = "Qwen Proxy"
base_url = "http://127.0.0.1:47820/v1"
wire_api = "responses"
experimental_bearer_token = "local-key"
stream_idle_timeout_ms = 600000
`,
  },
  {
    client: 'codex',
    name: 'changes its own section in place',
    endpoint: bare,
    before: `model_provider = "qwen-proxy"
model = "old"

[model_providers.qwen-proxy] # the proxy
name = "Qwen Proxy"
base_url = "http://127.0.0.1:1/v1" # port
wire_api = "responses"
experimental_bearer_token = "old"
stream_idle_timeout_ms = 600000

[tui]
theme = "dark"
`,
    after: `model_provider = "qwen-proxy"
model = "m"

[model_providers.qwen-proxy] # the proxy
name = "Qwen Proxy"
base_url = "http://127.0.0.1:47820/v1" # port
wire_api = "responses"
experimental_bearer_token = "local-key"
stream_idle_timeout_ms = 600000

[tui]
theme = "dark"
`,
  },
  {
    client: 'opencode',
    name: 'adds a provider below the others, trailing commas and comments kept',
    endpoint: bare,
    before: `{
  "$schema": "https://opencode.ai/config.json",
  // my theme
  "theme": "system",
  "provider": {
    "anthropic": { "options": {} }, // work
  },
}
`,
    after: `{
  "$schema": "https://opencode.ai/config.json",
  // my theme
  "theme": "system",
  "provider": {
    "anthropic": { "options": {} }, // work
    "qwen-proxy": {
      "npm": "@ai-sdk/openai-compatible",
      "name": "Qwen Proxy",
      "options": {
        "baseURL": "http://127.0.0.1:47820/v1",
        "apiKey": "local-key"
      },
      "models": {
        "m": {
          "name": "M"
        }
      }
    },
  },
  "model": "qwen-proxy/m",
}
`,
  },
  {
    client: 'qwen-code',
    name: 'adds its model to the list of the others',
    endpoint: bare,
    before: `{
  "ui": { "theme": "x" },
  "modelProviders": {
    "openai": [
      { "id": "a", "envKey": "A_KEY", "baseUrl": "https://a/v1" }
    ]
  }
}
`,
    after: `{
  "ui": { "theme": "x" },
  "modelProviders": {
    "openai": [
      { "id": "a", "envKey": "A_KEY", "baseUrl": "https://a/v1" },
      {
        "id": "m",
        "name": "M (Qwen Proxy)",
        "envKey": "QWEN_PROXY_API_KEY",
        "baseUrl": "http://127.0.0.1:47820/v1",
        "generationConfig": {
          "timeout": 600000
        }
      }
    ]
  },
  "env": {
    "QWEN_PROXY_API_KEY": "local-key"
  },
  "security": {
    "auth": {
      "selectedType": "openai"
    }
  },
  "model": {
    "name": "m"
  }
}
`,
  },
  {
    client: 'continue',
    name: 'adds its model, comments, quotes and flow lists kept',
    before: `# mine
name: My Config # n
version: 0.0.1
schema: v1

models:
  # local
  - name: Llama
    provider: ollama
    model: "llama3.1:8b" # small
    roles: [chat]

context:
  - provider: code
`,
    after: `# mine
name: My Config # n
version: 0.0.1
schema: v1

models:
  # local
  - name: Llama
    provider: ollama
    model: "llama3.1:8b" # small
    roles: [chat]
  - name: Qwen Proxy
    provider: openai
    model: qwen3-coder-plus
    apiBase: http://127.0.0.1:47820/v1
    apiKey: local-key
    roles:
      - chat
      - edit
      - apply
    capabilities:
      - tool_use
    defaultCompletionOptions:
      contextLength: 1000000
      maxTokens: 65536

context:
  - provider: code
`,
  },
  {
    client: 'continue',
    name: 'changes its own model in place, in the indentation of the file',
    endpoint: bare,
    before: `name: a
version: 1.0.0
schema: v1
models:
- name: Qwen Proxy # ours
  provider: openai
  model: old
  apiBase: http://127.0.0.1:1/v1
  apiKey: old
rules:
- a rule that is rather long and that nobody wants to have folded into several lines by an editor of other things
`,
    after: `name: a
version: 1.0.0
schema: v1
models:
- name: Qwen Proxy # ours
  provider: openai
  model: m
  apiBase: http://127.0.0.1:47820/v1
  apiKey: local-key
  roles:
  - chat
  - edit
  - apply
  capabilities:
  - tool_use
rules:
- a rule that is rather long and that nobody wants to have folded into several lines by an editor of other things
`,
  },
];

/** Texts that are broken, or of a shape that the client itself would not understand. */
const refused: readonly (readonly [client: string, name: string, text: string])[] = [
  ['claude-code', 'a broken file', '{ "env": { '],
  ['claude-code', 'a list', '[]'],
  ['claude-code', 'something else in place of env', '{ "env": "none" }'],
  ['claude-code', 'a name that is there twice', '{ "env": {}, "env": {} }'],
  ['codex', 'a broken file', 'model = \n[x'],
  ['codex', 'a table that is none', 'model_providers = 3\n'],
  ['codex', 'a name that is there twice', 'model = "a"\nmodel = "b"\n'],
  ['opencode', 'a broken file', '{ "provider": { "x": } }'],
  ['opencode', 'a provider that is none', '{ "provider": [] }'],
  ['qwen-code', 'a broken file', 'not json'],
  ['qwen-code', 'a wrapper in place of the list', '{ "modelProviders": { "openai": { "models": [] } } }'],
  ['continue', 'a broken file', 'models:\n  - name: [\n'],
  ['continue', 'two documents', 'name: a\n---\nname: b\n'],
  ['continue', 'a list', '- a\n'],
  ['continue', 'models that are none', 'models: all\n'],
];

describe('clients: their files', () => {
  for (const { client, name, before, after, endpoint: other = endpoint } of edits)
    it(`${client} ${name}`, () => {
      assert.equal(editText(fileOf(client), before, other), after);
      assert.equal(editText(fileOf(client), after, other), after, 'a second edit changes nothing');
    });

  for (const [client, name, text] of refused)
    it(`${client} leaves ${name} alone`, () => assert.equal(editText(fileOf(client), text, endpoint), undefined));

  for (const { id, file } of clients) {
    if (file === undefined) continue;
    for (const text of ['', '\n'])
      it(`${id} begins a file of its own in ${JSON.stringify(text)}`, () => {
        const after = editText(file, text, endpoint);
        assert.ok(after?.endsWith('\n'));
        const { baseUrl, ...rest } = file.read(after ?? '') ?? {};
        assert.deepEqual(rest, { key: 'local-key', model: 'qwen3-coder-plus' });
        assert.match(baseUrl ?? '', /^http:\/\/127\.0\.0\.1:47820\/(v1|anthropic)$/);
      });
  }

  it('keep every value that is not ours, whatever JSON it is', () =>
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.constantFrom(undefined, 1, 2, '\t'),
        (foreign, indent) => {
          const { env: _, ...others } = foreign;
          const before = JSON.stringify(others, undefined, indent);
          const after = editText(fileOf('claude-code'), before, endpoint);
          const { env, ...kept } = JSON.parse(after ?? '');
          assert.deepEqual(kept, JSON.parse(before));
          assert.ok(env);
        },
      ),
    ));

  it('keep every value that is not ours in TOML', () =>
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.stringMatching(/^[a-z]{1,8}$/),
          fc.oneof(fc.integer(), fc.boolean(), fc.stringMatching(/^[ -~]*$/)),
        ),
        (foreign) => {
          const lines = Object.entries(foreign).map(
            ([name, value]) => `${name} = ${JSON.stringify(value)} # ${name}\n`,
          );
          const before = `[profile]\n${lines.join('')}`;
          const after = editText(fileOf('codex'), before, endpoint) ?? '';
          assert.deepEqual(readToml(after)?.profile, readToml(before)?.profile);
          for (const line of lines) assert.ok(after.includes(line), after);
        },
      ),
    ));

  it('are all in the user’s own folder', () => {
    for (const { file } of clients)
      for (const path of file?.paths({ home: '/home/me', environment: {} }) ?? [])
        assert.match(path, /^\/home\/me\/\./);
  });
});

describe('clients: Claude Code', () => {
  const windowOf = (contextWindow: number) => {
    const after = editText(fileOf('claude-code'), '', { ...endpoint, model: { ...endpoint.model, contextWindow } });
    return JSON.parse(after ?? '').env.CLAUDE_CODE_AUTO_COMPACT_WINDOW;
  };
  it('is told of a window that is smaller than it assumes', () => {
    assert.equal(windowOf(262_144), '262144');
    assert.equal(windowOf(1_000_000), undefined);
  });
});

describe('clients: snippets', () => {
  for (const client of clients)
    it(`${client.name} gets address, key, model and place`, () => {
      const { text, place } = client.snippet(endpoint);
      for (const part of [endpoint.origin, endpoint.key, endpoint.model.id]) assert.ok(text.includes(part), part);
      assert.notEqual(place, '');
    });

  it('Cline is told by its own command', () =>
    assert.deepEqual(clientById('cline')?.command?.(endpoint), {
      program: 'cline',
      arguments: [
        ...['auth', '--provider', 'openai-compatible', '--apikey', 'local-key'],
        ...['--modelid', 'qwen3-coder-plus', '--baseurl', 'http://127.0.0.1:47820/v1'],
      ],
    }));
});
