/** The editor's own network settings, as far as they say how to reach an upstream. */
export interface NetworkSettings {
  /** `http.proxy`; empty = whatever the environment says. */
  readonly proxy: string;
  readonly noProxy: readonly string[];
  /** `off` = use none. */
  readonly proxySupport: string;
  /** Value of the header that a proxy asks for. */
  readonly proxyAuthorization?: string;
  /** `false` = certificates are not checked. */
  readonly strictSsl: boolean;
  /** Trust what the machine trusts, beside the built-in authorities. */
  readonly systemCertificates: boolean;
}

/** Which proxies to use; empty = none. */
export interface ProxyChoice {
  readonly httpProxy: string;
  readonly httpsProxy: string;
  /** Separated by commas; loopback is always among them. */
  readonly noProxy: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The editor's settings win over the environment's variables; exceptions add up. */
export function chooseProxy(environment: Environment, network?: NetworkSettings): ProxyChoice {
  const read = (name: string) => environment[name.toLowerCase()] || environment[name] || '';
  const isOff = network?.proxySupport === 'off';
  const choose = (name: string) => (isOff ? '' : network?.proxy || read(name));
  const exceptions = ['localhost', '127.0.0.1', '[::1]', read('NO_PROXY'), ...(network?.noProxy ?? [])];
  return {
    httpProxy: choose('HTTP_PROXY'),
    httpsProxy: choose('HTTPS_PROXY'),
    noProxy: exceptions.filter((host) => host !== '').join(','),
  };
}
