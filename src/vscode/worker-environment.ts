/** The editor's own network settings, as far as they say which HTTP proxy to use. */
export interface NetworkSettings {
  readonly proxy: string;
  readonly noProxy: readonly string[];
  /** `off` = use none. */
  readonly proxySupport: string;
}

/** A variable of a server or a runtime; none of them may configure a thread that is configured by the editor. */
const foreign = ['HOST', 'PORT', 'NODE_ENV', 'NODE_OPTIONS', 'ELECTRON_RUN_AS_NODE'];
const proxyVariables = ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'];

/**
 * The environment of the server thread. The editor patches `http` and `fetch` for its proxy settings, but not undici in
 * a thread of our own; so the settings are handed on as the variables that undici's clients read.
 */
export function toWorkerEnvironment(inherited: NodeJS.ProcessEnv, network: NetworkSettings): NodeJS.ProcessEnv {
  const environment = { ...inherited };
  for (const name of foreign) delete environment[name];
  if (network.proxySupport === 'off') {
    for (const name of proxyVariables) delete environment[name];
    return environment;
  }
  if (network.proxy !== '') {
    for (const name of proxyVariables) delete environment[name];
    environment.http_proxy = network.proxy;
    environment.https_proxy = network.proxy;
  }
  const noProxy = [environment.no_proxy ?? environment.NO_PROXY ?? '', ...network.noProxy].filter(
    (host) => host !== '',
  );
  if (noProxy.length > 0) {
    delete environment.NO_PROXY;
    environment.no_proxy = noProxy.join(',');
  }
  return environment;
}
