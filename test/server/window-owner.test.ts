import assert from 'node:assert/strict';
import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import type { WindowEvent } from '../../src/core/window-protocol.ts';
import { createNonce, createSealedChannel, proveIdentity } from '../../src/server/sealed.ts';
import { createWindowOwner, type WindowOwner } from '../../src/server/window-owner.ts';

const controlSecret = 'the control secret of this install';
const port = 47_820;

describe('the owner’s events', () => {
  let owner: WindowOwner;
  let server: Server;
  let gathered: PromiseWithResolvers<readonly WindowEvent[]>;
  let asked: PromiseWithResolvers<void>;
  let ended: PromiseWithResolvers<void>;

  beforeEach(async () => {
    gathered = Promise.withResolvers();
    asked = Promise.withResolvers();
    ended = Promise.withResolvers();
    owner = createWindowOwner({
      controlSecret,
      port: () => port,
      identity: { version: '1.0.0', mode: 'editor' },
      firstEvents: () => {
        asked.resolve();
        return gathered.promise;
      },
      call: async () => undefined,
    });
    server = createServer((request, response) => {
      const session = request.url?.slice(1) ?? '';
      void owner.sendEvents(session, request, response).then(ended.resolve, ended.reject);
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
  });
  afterEach(() => {
    owner.close();
    server.closeAllConnections();
    server.close();
  });

  /** A follower that has begun a conversation and asks for the events. */
  const follow = async () => {
    const nonce = createNonce();
    const proof = proveIdentity(controlSecret, { role: 'follower', port, pid: 1, nonce });
    const answer = owner.openSession({ nonce, pid: 1, port, version: '1.0.0', proof });
    const channel = createSealedChannel(controlSecret, {
      self: 'follower',
      nonces: { owner: String(answer.nonce), follower: nonce },
    });
    const address = server.address();
    const listening = typeof address === 'object' && address !== null ? address.port : 0;
    const response = await new Promise<IncomingMessage>((resolve) =>
      get({ host: '127.0.0.1', port: listening, path: `/${answer.session}`, agent: false }, resolve),
    );
    response.on('error', () => {});
    await asked.promise;
    return { channel, response };
  };

  it('nothing that happens while the first ones are gathered is missed', async () => {
    const { channel, response } = await follow();
    owner.broadcast({ type: 'stopped' });
    gathered.resolve([{ type: 'secrets', secrets: {} }]);
    const types: unknown[] = [];
    let text = '';
    for await (const part of response) {
      text += String(part);
      if (text.split('\n\n').length > 2) break;
    }
    for (const line of text.trim().split('\n\n')) types.push(channel.open(line.slice('data: '.length)));
    assert.deepEqual(types, [{ type: 'secrets', secrets: {} }, { type: 'stopped' }]);
  });

  it('a follower that leaves meanwhile is forgotten', async () => {
    const { response } = await follow();
    response.socket.destroy();
    await new Promise<void>((resolve) => {
      const look = () => server.getConnections((_error, count) => (count === 0 ? resolve() : void setImmediate(look)));
      look();
    });
    gathered.resolve([]);
    await ended.promise;
    assert.equal(owner.followers, 0);
  });

  it('one that does not read is let go before it fills the memory', async () => {
    const { response } = await follow();
    response.pause();
    gathered.resolve([]);
    const large: WindowEvent = { type: 'secrets', secrets: { key: 'x'.repeat(1024 * 1024) } };
    await gathered.promise;
    for (let count = 0; count < 64; count++) owner.broadcast(large);
    await ended.promise;
    assert.equal(owner.followers, 0);
  });
});
