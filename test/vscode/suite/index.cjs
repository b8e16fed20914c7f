/**
 * What the extension host executes: mocha over every `*.test.cjs` beside this file. CommonJS, because the host loads its
 * test runner with `require`. Variables: QWEN_PROXY_TEST_SUITE (another folder), QWEN_PROXY_TEST_GREP (which tests).
 */
const { readdirSync } = require('node:fs');
const { join } = require('node:path');
const { format } = require('node:util');

// The harness tells these lines from those of VS Code by the prefix.
const print = (...parts) => console.log('%s', `test| ${format(...parts)}`);

/** Resolves when every test passed; rejects after failures, which were printed in full by then. */
exports.run = async () => {
  try {
    const failures = await runMocha(process.env.QWEN_PROXY_TEST_SUITE ?? __dirname);
    if (failures > 0) throw new Error(`${failures} failed`);
  } catch (error) {
    print(error);
    throw error;
  }
};

async function runMocha(folder) {
  const { default: Mocha } = await import('mocha');
  Mocha.reporters.Base.consoleLog = print;
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.cjs'));
  if (files.length === 0) throw new Error(`No *.test.cjs in ${folder}`);
  const mocha = new Mocha({ ui: 'bdd', timeout: 20_000, color: false, reporterOptions: { maxDiffSize: 0 } });
  if (process.env.QWEN_PROXY_TEST_GREP) mocha.grep(process.env.QWEN_PROXY_TEST_GREP);
  for (const file of files.sort()) mocha.addFile(join(folder, file));
  return await new Promise((resolve) => mocha.run(resolve));
}
