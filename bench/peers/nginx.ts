import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAiPath, type RunningTarget, startListening } from '../targets.ts';

/** One worker, for comparison with one Node process. */
export async function startNginx(upstreamPort: number): Promise<RunningTarget> {
  const { error } = spawnSync('nginx', ['-v'], { encoding: 'utf8' });
  if (error) throw new Error('it is not installed');
  const folder = await mkdtemp(join(tmpdir(), 'qwen-proxy-bench-nginx-'));
  const port = await freePort();
  const configuration = join(folder, 'nginx.conf');
  await writeFile(
    configuration,
    `worker_processes 1; daemon off; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
     events { worker_connections 4096; }
     http {
       access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
       fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
       client_max_body_size 32m; client_body_buffer_size 4m; keepalive_requests 1000000;
       upstream qwen { server 127.0.0.1:${upstreamPort}; keepalive 512; }
       server {
         listen 127.0.0.1:${port} backlog=4096;
         location / { proxy_pass http://qwen; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }
       }
     }`,
  );
  const target = await startListening(['-e', join(folder, 'error.log'), '-c', configuration], {
    command: 'nginx',
    port,
    headers: {},
  });
  return {
    ...target,
    path: openAiPath,
    async stop() {
      await target.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0));
    });
  });
}
