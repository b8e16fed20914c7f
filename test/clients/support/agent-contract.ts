import assert from 'node:assert/strict';
import { objectsOf } from '../../simulator/json.ts';
import type { AgentClient } from './agent-client.ts';
import { type ClientRun, clientLimitMs } from './run-client.ts';
import { openStage, type Stage } from './stage.ts';
import { agentRequests, answeredCalls, scriptTurns, spoil } from './turns.ts';

const greeting = 'greeting.txt';
const done = 'The greeting is changed, 你好🙂.';

/** What every coding agent has to be able to do through the proxy. */
export function describeAgent(client: AgentClient): void {
  describe(`clients: ${client.name}, ${client.dialect}`, function () {
    // A client may be started twice, to sign in and to work.
    this.timeout(2 * clientLimitMs + 10_000);
    itWorksAsAnAgent(client);
  });
}

function itWorksAsAnAgent(client: AgentClient): void {
  const { ownTool } = client;
  let stage: Stage;

  beforeEach(async () => {
    stage = await openStage();
    await stage.put(greeting, 'Good morning\n');
  });
  afterEach(() => stage.close());

  const run = async (prompt: string, model?: string) => {
    const result = await client.run(stage, prompt, model);
    assert.equal(result.code, 0, report(stage, result));
    const dialects = new Set((await stage.ledger()).map(({ dialect }) => dialect));
    assert.deepEqual([...dialects], [client.dialect]);
    return result;
  };
  /** The conversation as it stood when the agent asked last. */
  const lastRequest = () => agentRequests(stage.simulator, ownTool).at(-1) ?? {};
  const scriptEdit = () =>
    scriptTurns(stage.simulator, ownTool, [
      { toolCalls: [{ ...client.readCall(stage, greeting), id: 'call_read' }] },
      { toolCalls: [{ ...client.editCall(stage, greeting, 'morning', 'evening'), id: 'call_edit' }] },
      { text: done },
    ]);
  const assertEdited = async ({ stdout }: ClientRun) => {
    assert.equal(await stage.read(greeting), 'Good evening\n');
    assert.ok(stdout.includes(done), stdout);
    assert.deepEqual(answeredCalls(lastRequest()), ['call_read', 'call_edit']);
  };

  const upstreamFailures = () => stage.simulator.chatRequests.filter(({ status }) => status >= 500).length;
  const failedRequests = async () => (await stage.ledger()).filter(({ outcome }) => outcome !== 'answered');

  it('edits a file', async () => {
    scriptEdit();
    await assertEdited(await run('Change the greeting.'));
    assert.equal(agentRequests(stage.simulator, ownTool).length, 3);
  });

  it('thinks before each call', async () => {
    scriptTurns(stage.simulator, ownTool, [
      {
        reasoning: ['First I ', 'look.'],
        text: 'I look at it. ',
        toolCalls: [{ ...client.readCall(stage, greeting), id: 'call_read' }],
      },
      {
        reasoning: ['The file ', 'says morning.'],
        toolCalls: [{ ...client.editCall(stage, greeting, 'morning', 'evening'), id: 'call_edit' }],
      },
      { reasoning: 'That is all.', text: done },
    ]);
    await assertEdited(await run('Change the greeting.', 'qwen3.7-plus'));
    const replayed = objectsOf(lastRequest().messages)
      .filter(({ role }) => role === 'assistant')
      .map((message) => message.reasoning_content);
    const thoughts = ['First I look.', 'The file says morning.'];
    assert.deepEqual(replayed, client.replaysReasoning ? thoughts : thoughts.map(() => undefined));
  });

  it('makes two calls at once', async () => {
    scriptTurns(stage.simulator, ownTool, [
      {
        toolCalls: [
          { ...client.createCall(stage, 'one.txt', 'first\n'), id: 'call_one' },
          { ...client.createCall(stage, 'two.txt', 'second\n'), id: 'call_two' },
        ],
      },
      { text: done },
    ]);
    await run('Make two files.');
    assert.deepEqual([await stage.read('one.txt'), await stage.read('two.txt')], ['first\n', 'second\n']);
    assert.deepEqual(answeredCalls(lastRequest()).toSorted(), ['call_one', 'call_two']);
  });

  it('reads characters that arrive byte by byte', async () => {
    spoil(stage.simulator, ownTool, { kind: 'split', bytes: 1 });
    scriptTurns(stage.simulator, ownTool, [
      { text: '你好🙂', toolCalls: [client.createCall(stage, 'hello.txt', '你好🙂\n')] },
      { text: ['你好', '🙂', done] },
    ]);
    const { stdout } = await run('Say hello.');
    assert.equal(await stage.read('hello.txt'), '你好🙂\n');
    assert.ok(stdout.includes(done), stdout);
    assert.doesNotMatch(stdout, /\uFFFD/);
    assert.match(JSON.stringify(lastRequest().messages), /你好🙂/);
  });

  it('gets a long answer whole', async () => {
    const pieces = Array.from({ length: 80 }, (_, index) => `${index} ${'x'.repeat(500)} `);
    scriptTurns(stage.simulator, ownTool, [{ text: [...pieces, 'end'] }]);
    const { stdout } = await run('Write a long text.');
    assert.ok(stdout.includes(`${pieces.join('')}end`), stdout.slice(-200));
  });

  it('does not see one 500', async () => {
    spoil(stage.simulator, ownTool, { kind: 'error', id: 69 }, 1);
    scriptEdit();
    await assertEdited(await run('Change the greeting.'));
    assert.equal(upstreamFailures(), 1);
    assert.deepEqual(await failedRequests(), []);
  });

  it('recovers when 500s reach it', async () => {
    // One request of the client: two attempts on each of the two accounts.
    spoil(stage.simulator, ownTool, { kind: 'error', id: 69 }, 4);
    scriptEdit();
    await assertEdited(await run('Change the greeting.'));
    assert.equal(upstreamFailures(), 4);
    assert.equal((await failedRequests()).length, 1);
  });

  it('ends and tells why when the quotas are used up', async () => {
    stage.simulator.fail({ fault: { kind: 'error', id: 33 }, times: Number.POSITIVE_INFINITY });
    const result = await client.run(stage, 'Change the greeting.');
    assert.equal(result.code, 1, report(stage, result));
    assert.match(result.stdout + result.stderr, /quota/i);
    // Beside its own, at most the one for a title: nobody asks again for what does not come.
    assert.ok((await stage.ledger()).length <= 2, report(stage, result));
  });

  if (client.retriesCutStreams)
    it('recovers from a stream that is cut', async () => {
      spoil(stage.simulator, ownTool, { kind: 'cut', atByte: 900 }, 1);
      scriptEdit();
      await assertEdited(await run('Change the greeting.'));
      assert.deepEqual(
        (await failedRequests()).map(({ outcome }) => outcome),
        ['cut'],
      );
    });
}

/** Everything that tells why a client did not do what it should. */
function report({ simulator }: Stage, { stdout, stderr }: ClientRun): string {
  const requests = simulator.requests.map(
    ({ method, path, status, answered }) => `${method} ${path} ${status} ${answered}`,
  );
  return [
    'the client failed',
    ...requests,
    '--- stdout',
    stdout.slice(-4_000),
    '--- stderr',
    stderr.slice(-4_000),
  ].join('\n');
}
