import assert from 'node:assert/strict';
import type { Frame } from 'playwright-core';
import { oauthPaths } from '../../simulator/oauth.ts';
import type { Simulator } from '../../simulator/simulator.ts';
import { startSimulator } from '../../simulator/simulator.ts';
import { accessibilityProblems } from '../host/axe.ts';
import { waitFor } from '../host/wait.ts';
import type { Theme, VsCodeWindow } from '../host/window.ts';
import { type Editor, pictureOf, startEditor } from './editor.ts';

describe('the device flow in the installed extension', () => {
  let simulator: Simulator;
  let editor: Editor;
  let window: VsCodeWindow;
  /** The code that this window's user was shown last. */
  let code: string;

  before(async () => {
    simulator = await startSimulator({});
    editor = await startEditor({
      'qwenProxy.oauth.deviceCodeEndpoint': `${simulator.origin}${oauthPaths.device}`,
      'qwenProxy.oauth.tokenEndpoint': `${simulator.origin}${oauthPaths.token}`,
    });
    window = await editor.open({ theme: 'light' });
    await window.statusBarItem(/Qwen Proxy has no account/);
  });
  afterEach(function () {
    return pictureOf(window, this.currentTest);
  });
  after(async () => {
    await window?.close();
    await editor?.stop();
    await simulator?.close();
  });

  const begin = async (driven = window) => {
    await driven.runCommand('Qwen: Login');
    await driven.quickPick.choose('Sign in with a browser');
    return driven.webviewFrame(async (frame) => (await frame.locator('.user-code').count()) > 0);
  };

  const codeOf = async (frame: Frame) => (await frame.locator('.user-code').textContent()) ?? '';

  it('shows code and address as text, in the page and in the notification', async () => {
    const frame = await begin();
    code = await codeOf(frame);
    assert.match((await frame.locator('.url').textContent()) ?? '', /^http:\/\/127\.0\.0\.1/);
    assert.match((await window.notification(new RegExp(code))).text, new RegExp(code));
  });

  for (const theme of ['light', 'dark', 'hc-dark', 'hc-light'] as const satisfies readonly Theme[])
    it(`shows a QR code dark on white in the ${theme} theme`, async () => {
      const themed = await editor.open({ theme });
      try {
        await themed.statusBarItem(/Qwen Proxy/);
        const frame = await begin(themed);
        const box = await frame.locator('.qr svg').boundingBox();
        assert.ok(box !== null && box.width >= 200 && box.height >= 200, `the QR code is ${box?.width} px wide`);
        const fill = await frame.locator('.qr').evaluate((element) => getComputedStyle(element).backgroundColor);
        assert.equal(fill, 'rgb(255, 255, 255)');
        assert.deepEqual(await accessibilityProblems(frame), []);
        await themed.screenshot(`sign-in-${theme}`);
      } finally {
        await themed.close();
      }
    });

  it('says that it was denied, and tries again', async () => {
    simulator.oauth.deny(code);
    const frame = await window.webviewFrame(
      async (candidate) => (await candidate.locator('.status.denied').count()) > 0,
    );
    await window.screenshot('sign-in-denied-light');
    await (await window.notification(/denied/)).dismiss();
    await frame.locator('[data-action="retry"]').click();
    code = await codeOf(
      await window.webviewFrame(async (candidate) => (await candidate.locator('.user-code').count()) > 0),
    );
  });

  it('connects when the user confirms', async () => {
    simulator.oauth.approve(code);
    await window.webviewFrame(async (candidate) => (await candidate.locator('.status.connected').count()) > 0);
    await window.statusBarItem(/1 of 1 accounts ready/);
    await window.screenshot('sign-in-connected-light');
  });

  it('calls a sign-in that gives no access to models what it is', async () => {
    simulator.oauth.serviceEnded = true;
    simulator.oauth.approve(await codeOf(await begin()));
    const frame = await window.webviewFrame(
      async (candidate) => (await candidate.locator('.status.refused').count()) > 0,
    );
    assert.match((await frame.locator('.status').textContent()) ?? '', /2026-04-15|refuse/);
    const message = await window.notification(/2026-04-15|refuse/);
    await window.screenshot('sign-in-refused-light');
    await message.click('Remove Account');
    await (await window.dialog(/Remove|remove/)).click('Remove');
    await window.statusBarItem(/1 of 1 accounts/);
  });

  it('ends when its notification is cancelled', async () => {
    simulator.oauth.serviceEnded = false;
    await begin();
    const polls = simulator.oauth.devicePolls;
    await (await window.notification(/enter code|Qwen sign-in/)).click('Cancel');
    await window.webviewFrame(async (candidate) => (await candidate.locator('.status.cancelled').count()) > 0);
    await waitFor('the polling to have ended', () => simulator.oauth.devicePolls <= polls + 1);
  });
});
