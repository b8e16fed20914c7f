import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { formatAccount } from '../../src/accounts/account.ts';
import { oauthAccount } from '../support/accounts.ts';
import { namedKey } from '../support/key-store-contract.ts';
import { until } from '../support/team-contract.ts';
import { countedByTeam, startTeamGateway, type TeamGateway } from '../support/team-gateway.ts';

const requests = 1_500;
const atOnce = 12;

describe('three replicas on one Redis', () => {
  let team: TeamGateway;

  const add = async (id: string) => {
    team.simulator.addKey(`sk-${id}`);
    const options = ['--plan', 'custom', '--base-url', team.simulator.baseUrl, '--no-probe'];
    const { code, err } = await team.run(['accounts', 'add', '--id', id, ...options], { input: `sk-${id}\n` });
    assert.equal(code, 0, err);
  };
  const change = async (...args: readonly string[]) => {
    const { code, err } = await team.run(['accounts', ...args]);
    assert.equal(code, 0, err);
  };
  const keysSince = (count: number) => team.simulator.chatRequests.slice(count).map(({ key }) => key);
  /** Asks every replica until it does as the condition says: what an operator changed is heard a moment later. */
  const settle = async (isSettled: (keys: readonly (string | undefined)[]) => boolean) => {
    for (const { port } of team.replicas)
      for (let before = team.simulator.chatRequests.length; ; before = team.simulator.chatRequests.length) {
        const status = await team.ask(port, `settling ${before}`);
        if (status === 200 && isSettled(keysSince(before))) break;
      }
  };
  const answered = () => ({ one: team.simulator.answered('sk-one'), two: team.simulator.answered('sk-two') });
  const counted = async () => {
    const sums = await countedByTeam(team.observer);
    return { one: sums.get('one') ?? 0, two: sums.get('two') ?? 0 };
  };
  const operatorCounts = async () => {
    const { out } = await team.run(['accounts', 'counts', '--json']);
    const rows: { id: string; requestsToday: number }[] = JSON.parse(out);
    return Object.fromEntries(rows.map(({ id, requestsToday }) => [id, requestsToday]));
  };
  const nextTurn = () => new Promise((resolve) => setImmediate(resolve));
  const url = (port: number) => `http://127.0.0.1:${port}/v1`;
  const addKey = async (name: string, ...limits: readonly string[]) => {
    const { code, out, err } = await team.run(['keys', 'add', name, ...limits]);
    assert.equal(code, 0, err);
    await accepted(out.trim(), 200);
    return out.trim();
  };
  /** What an operator changed is heard by each replica a moment later. */
  const accepted = async (key: string, status: number) => {
    const headers = { authorization: `Bearer ${key}` };
    for (const { port } of team.replicas)
      while ((await fetch(`${url(port)}/models`, { headers })).status !== status) await nextTurn();
  };

  before(async () => {
    team = await startTeamGateway(3, { env: { ACCOUNT_STRATEGY: 'round-robin' } });
    await add('one');
    await add('two');
    await settle((keys) => keys.length > 0);
  });
  after(() => team.dispose());

  it('counts what the simulator counts, in every replica and for the operator', async () => {
    const statuses = await team.load(requests, atOnce);
    assert.deepEqual([...statuses], [[200, requests]]);
    const expected = answered();
    assert.ok(expected.one > requests / 4 && expected.two > requests / 4, JSON.stringify(expected));
    // Counts of a tenth of a second go out together.
    while (JSON.stringify(await counted()) !== JSON.stringify(expected)) await nextTurn();
    assert.deepEqual(await operatorCounts(), expected);
    const usage = await team.run(['usage', '--json']);
    assert.deepEqual([usage.code, JSON.parse(usage.out)], [0, []]);
    assert.match(usage.err, /what this home has served/);
  });

  it('a used-up quota that one replica meets keeps all of them away from the account', async () => {
    const [first] = team.replicas;
    assert.ok(first);
    team.simulator.fail({ key: 'sk-one', fault: { kind: 'error', id: 31 } });
    while (![...team.observer.health.entries().keys()].some((key) => key.startsWith('one\n')))
      assert.equal(await team.ask(first.port, `conversation ${team.simulator.chatRequests.length}`), 200);
    for (const { port } of team.replicas) {
      // The message is on its way to every replica at once; requests that overtake it are few.
      let overtaking = 0;
      for (let quiet = 0; quiet < 10; ) {
        const before = team.simulator.chatRequests.length;
        assert.equal(await team.ask(port, `after the quota ${before}`), 200);
        const used = keysSince(before).includes('sk-one');
        if (used) overtaking++;
        quiet = used ? 0 : quiet + 1;
      }
      assert.ok(overtaking <= 3, `${overtaking} requests to a used-up account`);
    }
    await change('clear', 'one');
    await settle((keys) => keys.includes('sk-one'));
  });

  it('a conversation stays on its account, whichever replica serves it', async () => {
    for (let number = 0; number < 5; number++) {
      const before = team.simulator.chatRequests.length;
      let isTold = false;
      const subscription = team.observer.sessions.onDidBind(() => {
        isTold = true;
      });
      const told = until(team.observer.sessions.onDidBind, () => isTold);
      for (const { port } of [...team.replicas, ...team.replicas]) {
        assert.equal(await team.ask(port, `one conversation, number ${number}`), 200);
        await told;
      }
      subscription.dispose();
      const keys = new Set(keysSince(before));
      assert.equal(keys.size, 1, `conversation ${number} was on ${[...keys].join(' and ')}`);
    }
  });

  describe('tokens', () => {
    const oauth = () => team.simulator.oauth;
    const signIn = async (expiresAtMs: number) => {
      const { accessToken, refreshToken } = oauth().issueTokens();
      const secret = { accessToken, refreshToken, expiresAtMs, resourceUrl: oauth().resourceUrl ?? '' };
      const account = oauthAccount('qwen', { secret, createdAtMs });
      await team.observer.secrets.set('account:qwen', formatAccount(account));
    };
    const createdAtMs = Date.now();
    const askTokens = (number: number) =>
      team.ask(team.replicas[number % 3]?.port ?? 0, `tokens ${number}`, 'coder-model');
    const burst = async () => {
      const asked = Array.from({ length: 45 }, (_, number) => askTokens(number));
      assert.deepEqual(new Set(await Promise.all(asked)), new Set([200]));
    };

    before(async () => {
      await change('disable', 'one');
      await change('disable', 'two');
      await signIn(Date.now() + 3_600_000);
      for (const number of team.replicas.keys()) while ((await askTokens(number)) !== 200);
    });
    after(async () => {
      await change('remove', 'qwen');
      await change('enable', 'one');
      await change('enable', 'two');
      await settle((keys) => keys.some((key) => key === 'sk-one' || key === 'sk-two'));
    });

    it('are renewed once for all replicas, each time that they end', async () => {
      for (let expiry = 1; expiry <= 3; expiry++) {
        await signIn(Date.now() - 1);
        // Until the first replica has heard of these tokens, the ones before are good.
        while (oauth().refreshCount < expiry) await burst();
        await burst();
        assert.equal(oauth().refreshCount, expiry);
      }
      oauth().revokeAccessTokens();
      await burst();
      assert.equal(oauth().refreshCount, 4);
    });
  });

  describe('named client keys', () => {
    const askEach = async (key: string, times: number) => {
      const statuses: number[] = [];
      for (let round = 0; round < times; round++)
        for (const { port } of team.replicas) statuses.push(await team.ask(port, `key ${round}`, undefined, key));
      return statuses;
    };

    it('work everywhere when they are made, count for all, and are refused everywhere when they are revoked', async () => {
      const key = await addKey('minute', '--requests-per-minute', '2');
      assert.deepEqual(await askEach(key, 2), [200, 200, 429, 429, 429, 429]);
      const listed = async () => {
        const rows: { name: string; requestsToday: number }[] = JSON.parse(
          (await team.run(['keys', 'list', '--json'])).out,
        );
        return rows.map(({ name, requestsToday }) => `${name} ${requestsToday}`).join();
      };
      while ((await listed()) !== 'minute 2');
      assert.equal((await team.run(['keys', 'revoke', 'minute'])).code, 0);
      await accepted(key, 401);
    });
    it('a place that one replica has given is taken in all, until it is free', async () => {
      const [first, ...others] = team.replicas;
      assert.ok(first);
      const key = await addKey('places', '--concurrent', '1');
      team.simulator.fail({ fault: { kind: 'stall', afterChunks: 3 } });
      const leaving = new AbortController();
      const response = await fetch(`${url(first.port)}/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          model: 'qwen3-coder-plus',
          stream: true,
          messages: [{ role: 'user', content: 'stalls' }],
        }),
        signal: leaving.signal,
      });
      assert.equal(response.status, 200);
      assert.deepEqual(await askEach(key, 1), [429, 429, 429]);
      leaving.abort();
      for (const { port } of others) while ((await team.ask(port, 'free', undefined, key)) !== 200);
    });
    it('tokens of the day are those of all replicas', async () => {
      const key = await addKey('tokens', '--tokens-per-day', '1');
      const [first, ...others] = team.replicas;
      assert.equal(await team.ask(first?.port ?? 0, 'tokens', undefined, key), 200);
      // The count is told within a tenth of a second.
      for (const { port } of others) while ((await team.ask(port, 'tokens', undefined, key)) !== 429);
    });
  });

  it('refuses a single-user plan, and a key of another team', async () => {
    const addCoding = (env = {}) =>
      team.run(['accounts', 'add', '--id', 'coding', '--plan', 'coding-intl', '--no-probe'], {
        input: 'sk-sp-canary1\n',
        env,
      });
    const refused = await addCoding();
    assert.equal(refused.code, 2);
    assert.match(refused.err, /one subscriber.*TEAM_SINGLE_USER_PLANS=confirmed/);
    const allowed = await addCoding({ TEAM_SINGLE_USER_PLANS: 'confirmed' });
    assert.equal(allowed.code, 0, allowed.err);
    // Where nobody confirmed it, it is there and does not serve.
    const listed: { id: string; state: string }[] = JSON.parse((await team.run(['accounts', 'list', '--json'])).out);
    assert.equal(listed.find(({ id }) => id === 'coding')?.state, 'disabled');
    await change('remove', 'coding');

    const stranger = await team.run(['accounts', 'list'], {
      env: { QWEN_PROXY_STATE_KEY: Buffer.alloc(32).toString('base64') },
    });
    assert.deepEqual([stranger.code, stranger.out], [1, '']);
    assert.match(stranger.err, /not the key under which/);
    for (const [env, message] of [
      [{ QWEN_PROXY_STATE_KEY: 'c2hvcnQ=' }, /must be 32 bytes in base64/],
      [{ QWEN_PROXY_STATE_KEY: '' }, /openssl rand -base64 32/],
      [{ REDIS_URL: 'http://canary@x' }, /REDIS_URL must be redis:/],
    ] as const) {
      const wrong = await team.run(['accounts', 'list'], { env });
      assert.equal(wrong.code, 2);
      assert.match(wrong.err, message);
      assert.ok(!wrong.err.includes('canary'));
    }
  });

  it('kill -9 of a replica and of Redis in the middle loses no account, no count and no answer', async () => {
    const [, second] = team.replicas;
    assert.ok(second);
    const named = await addKey('kept');
    const before = answered();
    let events: Promise<void> = Promise.resolve();
    let degraded: Awaited<ReturnType<TeamGateway['health']>>[] = [];
    const inTurn = (work: () => Promise<void>) => {
      events = events.then(work);
    };
    const statuses = await team.load(requests, atOnce, (done) => {
      if (done === requests * 0.2) inTurn(() => team.kill(second));
      if (done === requests * 0.35) inTurn(() => team.redis.kill());
      if (done === requests * 0.5)
        inTurn(async () => {
          const living = team.replicas.filter(({ running }) => running !== undefined);
          do degraded = await Promise.all(living.map((replica) => team.health(replica)));
          while (degraded.some(({ status }) => status === 'ok'));
        });
      if (done === requests * 0.6) inTurn(() => team.redis.start());
      if (done === requests * 0.75)
        inTurn(async () => {
          // From the time when it was alone.
          const keys = [namedKey('alone')];
          await writeFile(join(second.home, 'state', 'keys.json'), JSON.stringify({ version: 1, keys }));
          await team.start(second);
        });
    });
    await events;
    // Only what was on its way through the killed replica may have broken off.
    const broken = statuses.get(0) ?? 0;
    assert.equal((statuses.get(200) ?? 0) + broken, requests, JSON.stringify([...statuses]));
    assert.ok(broken <= atOnce, `${broken} answers broke off`);
    assert.deepEqual(
      degraded.map(({ status, team: { store } }) => [status, store]),
      [
        ['degraded', 'lost'],
        ['degraded', 'lost'],
      ],
    );

    // Redis came back with nothing: the replicas have given it everything back.
    const listed: { id: string; state: string }[] = JSON.parse((await team.run(['accounts', 'list', '--json'])).out);
    assert.deepEqual(listed.map(({ id }) => id).toSorted(), ['one', 'two']);
    await accepted(named, 200);
    assert.match((await team.run(['keys', 'list'])).out, /^kept /m);
    assert.match(second.running?.output.err ?? '', /keys in keys\.json do not count in a team/);
    assert.equal(await team.ask(second.port, 'alone', undefined, 'alone'), 401);
    await team.run(['keys', 'revoke', 'kept']);
    await accepted(named, 401);
    for (const replica of team.replicas) {
      let { status } = await team.health(replica);
      while (status !== 'ok') ({ status } = await team.health(replica));
      assert.equal(await team.ask(replica.port, 'and on'), 200);
    }
    const inLedgers = await team.ledgerAnswered();
    const sum = async () => {
      const { one, two } = await counted();
      const qwen = (await countedByTeam(team.observer)).get('qwen') ?? 0;
      return one + two + qwen;
    };
    while ((await sum()) !== inLedgers) await nextTurn();
    // What the killed replica was about to write down had been answered upstream.
    const after = answered();
    const upstream = after.one + after.two - before.one - before.two;
    assert.ok(upstream >= requests + 3 - broken && upstream <= requests + 3 + atOnce, `${upstream} answered upstream`);
  });
});
