import assert from 'node:assert/strict';
import { buildHostTests } from '../../../scripts/build-host-tests.mjs';
import { startSimulator } from '../../simulator/simulator.ts';
import { findFreePort } from '../../support/free-port.ts';
import { repositoryDir } from '../host/paths.ts';
import { runExtensionTests } from '../host/run-in-host.ts';
import { startVsCodeServer } from '../host/server.ts';

describe('inside the extension host', () => {
  it('passes the suites of test/vscode/suite', async () => {
    const extensionTestsPath = await buildHostTests();
    const simulator = await startSimulator({});
    simulator.addKey('sk-good');
    const port = await findFreePort();
    const server = await startVsCodeServer({
      testDriver: true,
      machineSettings: { 'qwenProxy.port': port },
      env: { QWEN_PROXY_TEST_UPSTREAM: simulator.baseUrl, QWEN_PROXY_TEST_PORT: String(port) },
    });
    try {
      const { exitCode, output } = await runExtensionTests({
        server,
        extensionDevelopmentPath: repositoryDir,
        extensionTestsPath,
      });
      assert.equal(exitCode, 0, output);
    } finally {
      await server.stop();
      await simulator.close();
    }
  });
});
