import assert from 'node:assert/strict';
import { chooseProxy, type NetworkSettings } from '../../src/core/network.ts';

const settings: NetworkSettings = {
  proxy: '',
  noProxy: [],
  proxySupport: 'override',
  strictSsl: true,
  systemCertificates: false,
};
const loopback = 'localhost,127.0.0.1,[::1]';

describe('which proxy is used', () => {
  type Row = readonly [string, Record<string, string>, Partial<NetworkSettings> | undefined, readonly string[]];
  const table: readonly Row[] = [
    ['none, where nothing says one', {}, {}, ['', '', loopback]],
    [
      'the environment’s, whatever the case of its name',
      { https_proxy: 'http://a', HTTP_PROXY: 'http://b', no_proxy: 'x' },
      undefined,
      ['http://b', 'http://a', `${loopback},x`],
    ],
    [
      'the editor’s before the environment’s',
      { HTTPS_PROXY: 'http://a' },
      { proxy: 'http://c' },
      ['http://c', 'http://c', loopback],
    ],
    [
      'none where the editor says so',
      { HTTPS_PROXY: 'http://a' },
      { proxy: 'http://c', proxySupport: 'off' },
      ['', '', loopback],
    ],
    ['exceptions of both', { NO_PROXY: 'x' }, { noProxy: ['y', '*.z'] }, ['', '', `${loopback},x,y,*.z`]],
  ];
  for (const [name, environment, over, expected] of table)
    it(name, () => {
      const { httpProxy, httpsProxy, noProxy } = chooseProxy(environment, over && { ...settings, ...over });
      assert.deepEqual([httpProxy, httpsProxy, noProxy], expected);
    });
});
