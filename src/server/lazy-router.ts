import type { RequestListener } from 'node:http';
import type { Route } from './router.ts';

/** The router, loaded when the first request needs it: see there for what that saves. */
export function createLazyRouter(routes: readonly Route[]): RequestListener {
  let router: Promise<RequestListener> | undefined;
  return (request, response) => {
    router ??= import('./router.ts').then(({ createRouter }) => createRouter(routes));
    void router.then((handle) => handle(request, response));
  };
}
