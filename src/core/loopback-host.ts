const loopbackHosts = new Set(['localhost', '127.0.0.1', '::1', '[::1]']);

/** Does this address, as people or URLs write it, name this machine alone? */
export function isLoopbackHost(host: string): boolean {
  return loopbackHosts.has(host.toLowerCase()) || /^127(\.\d{1,3}){3}$/.test(host);
}
