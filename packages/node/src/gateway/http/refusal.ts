/** What went wrong on the way of a request, as one of our errors. */
import { isP2posError, P2posError } from '@p2pos/protocol';
import { type Endpoint, methodsOf } from './endpoint.ts';
import { badPath } from './input/request-input.ts';
import { matchPath, splitTarget } from './input/request-target.ts';

/** Nothing is served under this method and path. */
export function notServed(endpoints: readonly Endpoint[], method: string, url: string): P2posError {
  const { path } = splitTarget(url);
  const shown = path.slice(0, 200);
  const methods = new Set(endpoints.filter((endpoint) => matchPath(endpoint.path, path)).flatMap(methodsOf));
  if (methods.size === 0) return new P2posError('ROUTE_NOT_FOUND', { method, path: shown });
  return new P2posError('METHOD_NOT_ALLOWED', {
    path: shown,
    method,
    allowed: [...methods].join(', '),
  });
}

/** The framework's own errors by their codes; the rest stays what it is. */
export function fromFramework(error: unknown, endpoints: readonly Endpoint[], url: string): unknown {
  const { code, statusCode, message } = error as { code?: string; statusCode?: number; message?: string };
  if (isP2posError(error)) return error;
  if (code === 'FST_ERR_BAD_URL') {
    return refusePath(endpoints, url);
  }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new P2posError('MEDIA_TYPE_UNSUPPORTED', {
      expected: 'sent with a content type such as application/json',
    });
  }
  if (code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE') {
    return new P2posError('BAD_REQUEST', { reason: 'The body ended before it was whole.' });
  }
  if (code?.startsWith('FST_') && statusCode !== undefined && statusCode < 500) {
    return new P2posError('BAD_REQUEST', { reason: `${message ?? code}.` });
  }
  return error;
}

/** For a path that is not percent-encoded UTF-8: the refusal of the route that it would have met. */
export function refusePath(endpoints: readonly Endpoint[], url: string): P2posError {
  const start = splitTarget(url).path;
  return badPath(endpoints.find(({ path, route }) => route && matchPath(path, start))?.route);
}
