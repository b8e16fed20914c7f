import assert from 'node:assert/strict';
import OpenAI from 'openai';
import type { Simulator } from '../../simulator/simulator.ts';
import { startSimulator } from '../../simulator/simulator.ts';
import { waitFor } from '../host/wait.ts';
import type { VsCodeWindow } from '../host/window.ts';
import { copyWith, type Editor, loginWithKey, pictureOf, startEditor } from './editor.ts';

describe('login with an API key in the installed extension', () => {
  let simulator: Simulator;
  let editor: Editor;
  let window: VsCodeWindow;

  before(async () => {
    simulator = await startSimulator({});
    simulator.addKey('sk-good');
    editor = await startEditor();
    window = await editor.open({ theme: 'dark' });
  });
  afterEach(function () {
    return pictureOf(window, this.currentTest);
  });
  after(async () => {
    await window?.close();
    await editor?.stop();
    await simulator?.close();
  });

  it('asks for an account in the status bar', async () => {
    const item = await window.statusBarItem(/Qwen Proxy has no account/);
    assert.match(await item.text(), /Qwen: Login/);
  });

  it('shows every plan, hides the key, and says why a key was refused', async () => {
    await window.runCommand('Qwen: Login');
    const labels = await window.quickPick.labels();
    assert.ok(
      labels.some((label) => label.startsWith('Coding Plan (International)')),
      labels.join(', '),
    );
    await window.screenshot('login-plans-dark');
    await window.quickPick.choose('Custom endpoint');
    await window.inputBox.type(simulator.baseUrl);
    await window.inputBox.accept();
    assert.equal(await window.inputBox.isPassword(), true);
    await window.inputBox.type('sk-wrong');
    await window.inputBox.accept();
    await window.inputBox.type('Work');
    await window.inputBox.accept();
    const refusal = await window.notification(/Incorrect API key|invalid/i);
    await window.screenshot('login-refused-dark');
    await refusal.click('Remove Account');
    const question = await window.dialog(/Work/);
    await question.click('Remove');
    await window.statusBarItem(/Qwen Proxy has no account/);
  });

  it('refuses a key of another vendor without sending it', async () => {
    const before = simulator.requests.length;
    await loginWithKey(window, { baseUrl: simulator.baseUrl, key: 'sk-ant-not-ours', label: '' });
    const refusal = await window.notification(/Anthropic/);
    await refusal.dismiss();
    assert.equal(simulator.requests.length, before);
  });

  it('looks for the plan of a key only where the user lets it', async () => {
    const begin = async (key: string) => {
      await window.runCommand('Qwen: Login');
      await window.quickPick.choose('I have a key but do not know its plan');
      await window.inputBox.type(key);
      assert.equal(await window.inputBox.isPassword(), true);
      await window.inputBox.accept();
    };
    await begin('sk-ant-not-ours');
    const refusal = await window.notification(/Anthropic/);
    await refusal.dismiss();
    await begin('sk-sp-not-sent');
    await window.screenshot('login-find-plan-dark');
    const labels = await window.quickPick.labels();
    assert.deepEqual(
      labels.flatMap((label) => /^(?:Coding|Token|Model).*?\)/.exec(label) ?? []),
      ['Coding Plan (International)', 'Coding Plan (China)', 'Token Plan (International)', 'Token Plan (China)'],
    );
    await window.quickPick.cancel();
  });

  it('calls the account connected once the upstream has answered', async () => {
    await loginWithKey(window, { baseUrl: simulator.baseUrl, key: 'sk-good', label: 'Work' });
    const item = await window.statusBarItem(/1 of 1 accounts ready/);
    assert.match(await item.text(), /Qwen 1\/1$/);
  });

  it('lets an unmodified openai SDK stream through the worker', async () => {
    const baseURL = await copyWith(window, 'Qwen: Copy Endpoint');
    assert.equal(baseURL, `http://127.0.0.1:${editor.port}/v1`);
    const apiKey = await copyWith(window, 'Qwen: Copy API Key');
    assert.match(apiKey, /^qp-/);

    const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
    const stream = await client.chat.completions.create({
      model: 'qwen3-coder-plus',
      stream: true,
      messages: [{ role: 'user', content: '你好 🙂 from the editor' }],
    });
    let text = '';
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    assert.match(text, /你好 🙂 from the editor/);
    const item = await window.statusBarItem(/Qwen Proxy/);
    assert.match(await item.text(), /Qwen 1\/1$/);
    await waitFor('the tooltip to count', async () => /Work.*1 request today/.test(await item.tooltip()));
    await window.screenshot('status-bar-dark');
    assert.equal(
      simulator.requests.some((request) => JSON.stringify(request.headers).includes(apiKey)),
      false,
    );
  });

  it('keeps the account in SecretStorage over a reload', async () => {
    await window.page.reload();
    await window.statusBarItem(/1 of 1 accounts ready/);
    await window.runCommand('Qwen: Show Accounts');
    assert.ok((await window.quickPick.labels()).some((label) => label.includes('Work')));
    await window.screenshot('accounts-dark');
    await window.quickPick.cancel();
  });
});
