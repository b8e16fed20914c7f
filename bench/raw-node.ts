/** The limit of the runtime: node:http in front of undici, bytes through, nothing read and nothing kept. `node raw-node.ts <upstream port>`. */
import { createServer } from 'node:http';
import { Agent } from 'undici';

const origin = `http://127.0.0.1:${process.argv[2]}`;
const agent = new Agent({ headersTimeout: 0, bodyTimeout: 0, keepAliveTimeout: 30_000 });

const server = createServer((request, response) => {
  const { host: _host, connection: _connection, ...headers } = request.headers;
  agent.dispatch(
    { origin, path: request.url ?? '/', method: 'POST', headers, body: request },
    {
      onRequestStart(controller) {
        response.on('drain', () => controller.resume());
        response.on('close', () => {
          if (!response.writableFinished) controller.abort(new Error('The client left.'));
        });
      },
      onResponseStart(_controller, status, received) {
        const { connection: _own, 'transfer-encoding': _coding, 'keep-alive': _keep, ...passed } = received;
        response.socket?.setNoDelay(true);
        response.writeHead(status, passed);
      },
      onResponseData(controller, bytes) {
        if (bytes.length > 0 && !response.write(bytes)) controller.pause();
      },
      onResponseEnd() {
        response.end();
      },
      onResponseError() {
        response.destroy();
      },
    },
  );
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  console.log(`listening on http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`);
});
