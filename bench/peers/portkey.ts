import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { installPeer, type RunningTarget, startListening } from '../targets.ts';
import { freePort } from './nginx.ts';

/** It appends to the headers of what `fetch` gave it, which are immutable, and fails: it gets a copy of them. */
const shim = `const fetchNow = globalThis.fetch;
globalThis.fetch = async (...args) => {
  const answer = await fetchNow(...args);
  return new Response(answer.body, { status: answer.status, headers: new Headers(answer.headers) });
};\n`;

export async function startPortkey(upstreamPort: number): Promise<RunningTarget> {
  const folder = installPeer('portkey', ['@portkey-ai/gateway@1.15.2']);
  const shimPath = join(folder, 'shim.cjs');
  await writeFile(shimPath, shim);
  const port = await freePort();
  const server = join(folder, 'node_modules', '@portkey-ai', 'gateway', 'build', 'start-server.js');
  return startListening(['--require', shimPath, server, '--headless', `--port=${port}`], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '', HOME: folder, TRUSTED_CUSTOM_HOSTS: '127.0.0.1,localhost' },
    port,
    headers: {
      authorization: 'Bearer sk-bench',
      'x-portkey-provider': 'openai',
      'x-portkey-custom-host': `http://127.0.0.1:${upstreamPort}/v1`,
    },
  });
}
