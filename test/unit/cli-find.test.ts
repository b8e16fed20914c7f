import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { searchPlan } from '../../src/cli/find.ts';
import { readPassphrase } from '../../src/cli/passphrase.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import type { ProxyControl } from '../../src/core/control.ts';
import type { FindPlanInput, PlanFinding } from '../../src/core/plan-search.ts';

interface ScriptedTerminal extends Terminal {
  readonly said: readonly string[];
  readonly questions: readonly { readonly question: string; readonly hidden: boolean }[];
}

function createTerminal(isInteractive: boolean, answers: readonly string[] = [], stdin = ''): ScriptedTerminal {
  const said: string[] = [];
  const questions: { question: string; hidden: boolean }[] = [];
  const rest = [...answers];
  return {
    isInteractive,
    said,
    questions,
    out: (text) => void said.push(text),
    say: (text) => void said.push(text),
    async ask(question, options) {
      questions.push({ question, hidden: options?.hidden === true });
      return rest.shift() ?? assert.fail(`no answer to ${question}`);
    },
    readAll: async () => stdin,
  };
}

describe('accounts find', () => {
  const candidates = ['coding-intl', 'coding-cn', 'token-intl'].map((plan) => ({
    plan,
    label: `Label ${plan}`,
    host: `${plan}.example`,
  }));
  const finding = (plan: string, changes: Partial<PlanFinding>): PlanFinding => ({
    ...(candidates.find((candidate) => candidate.plan === plan) ?? assert.fail(plan)),
    answer: 'refused',
    message: `${plan} said no.`,
    ...changes,
  });
  const createDoctor = (findings: readonly PlanFinding[] = []) => {
    const calls: FindPlanInput[] = [];
    const doctor: Pick<ProxyControl, 'diagnoseKey' | 'findPlan'> = {
      diagnoseKey: async () => ({ candidates }),
      async findPlan(input) {
        calls.push(input);
        const found = findings.find(({ answer }) => answer === 'works');
        return { findings, ...(found && { found }) };
      },
    };
    return { doctor, calls };
  };
  const key = 'sk-sp-canary';

  it('lists the candidates, and sends nothing where nobody can be asked', async () => {
    const { doctor, calls } = createDoctor();
    const terminal = createTerminal(false);
    const search = await searchPlan(doctor, { key }, terminal);
    assert.deepEqual([search.isUnasked, search.candidates, calls], [true, candidates, []]);
    assert.match(terminal.said.join(''), /1\. Label coding-intl: coding-intl\.example\n2\. .*\n3\. .*\n.*sent nowhere/);
    assert.equal(terminal.said.join('').includes(key), false);
  });
  for (const [answer, plans] of [
    ['y', ['coding-intl', 'coding-cn', 'token-intl']],
    ['Yes', ['coding-intl', 'coding-cn', 'token-intl']],
    ['1, 3', ['coding-intl', 'token-intl']],
    ['2', ['coding-cn']],
  ] as const)
    it(`asks those that "${answer}" agrees to`, async () => {
      const { doctor, calls } = createDoctor();
      await searchPlan(doctor, { key }, createTerminal(true, [answer]));
      assert.deepEqual(
        calls.map((call) => call.plans),
        [plans],
      );
    });
  for (const answer of ['', 'n', 'no', '0', '4', 'what'])
    it(`takes ${JSON.stringify(answer)} for a no`, async () => {
      const { doctor, calls } = createDoctor();
      const { isUnasked } = await searchPlan(doctor, { key }, createTerminal(true, [answer]));
      assert.deepEqual([isUnasked, calls], [true, []]);
    });
  it('asks nobody twice with --yes, and tells every answer with its fix', async () => {
    const { doctor, calls } = createDoctor([
      finding('coding-intl', { fix: 'Do this.' }),
      finding('coding-cn', { answer: 'works', message: 'It takes the key.', models: ['m1', 'm2'] }),
    ]);
    const terminal = createTerminal(true);
    const { found } = await searchPlan(doctor, { key, yes: true, baseUrl: 'https://b.example/v1' }, terminal);
    assert.equal(found?.plan, 'coding-cn');
    assert.deepEqual(calls, [{ key, plans: candidates.map(({ plan }) => plan), baseUrl: 'https://b.example/v1' }]);
    assert.match(terminal.said.join(''), /coding-intl said no\. Do this\.\nIt takes the key\.\nModels: m1, m2\n$/);
  });
  it('offers the billed request, and sends it only when told', async () => {
    const { doctor, calls } = createDoctor([finding('coding-intl', { answer: 'unclear' })]);
    const terminal = createTerminal(false);
    await searchPlan(doctor, { key, yes: true }, terminal);
    assert.match(terminal.said.join(''), /With --billed one token/);
    const again = createTerminal(false);
    await searchPlan(doctor, { key, yes: true, billed: true }, again);
    assert.deepEqual(
      calls.map(({ billed }) => billed),
      [undefined, true],
    );
    assert.equal(again.said.join('').includes('--billed'), false);
  });
});

describe('passphrase of the command line', () => {
  const read = (terminal: Terminal, isNew: boolean, value?: string) =>
    readPassphrase(terminal, { isNew, environment: value === undefined ? {} : { QWEN_PROXY_PASSPHRASE: value } });

  it('comes from the environment first', async () =>
    assert.equal(await read(createTerminal(true), true, 'of the environment'), 'of the environment'));
  it('comes from stdin where nobody can be asked', async () =>
    assert.equal(await read(createTerminal(false, [], 'of stdin'), true), 'of stdin'));
  it('is asked for without showing it, twice where it is new', async () => {
    const terminal = createTerminal(true, ['one', 'one', 'two']);
    assert.equal(await read(terminal, true), 'one');
    assert.equal(await read(terminal, false), 'two');
    assert.deepEqual(
      terminal.questions.map(({ hidden }) => hidden),
      [true, true, true],
    );
  });
  it('must be there, and the same twice', async () => {
    await assert.rejects(read(createTerminal(false), true), { name: 'UsageError', message: /QWEN_PROXY_PASSPHRASE/ });
    await assert.rejects(read(createTerminal(true, ['one', 'two']), true), { name: 'UsageError', message: /differ/ });
  });
});
