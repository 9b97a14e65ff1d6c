/** One method and path of the door, whether it comes from the contract or is the door's own. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Grant, RequestContext, Route } from '@p2pos/protocol';
import type { Operation } from '../service.ts';
import { type Answer, encodeOutput } from './answer.ts';
import { readInput } from './input/request-input.ts';
import { NOTICE_POLICY } from './notice.ts';

interface Inquiry {
  /** As sent: path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array | undefined;
}

export interface Endpoint {
  /** Names it in metrics and the log. */
  readonly id: string;
  readonly method: Route['method'];
  readonly path: string;
  readonly grant: Grant;
  readonly route?: Route;
  answer(inquiry: Inquiry, context: RequestContext): Promise<Answer>;
}

export function operationEndpoint({ id, route, handle }: Operation): Endpoint {
  return {
    id,
    route,
    method: route.method,
    path: route.path,
    grant: route.grant,
    async answer(inquiry, context) {
      const answer = encodeOutput(route, await handle(readInput(route, inquiry), context));
      if (!isHtml(route)) return answer;
      return { ...answer, headers: { ...answer.headers, 'content-security-policy': NOTICE_POLICY } };
    },
  };
}

/** GET answers HEAD as well, unless asking has an effect. */
export function methodsOf({ method, route }: Endpoint): Route['method'][] {
  return method === 'GET' && route?.repeatable !== false ? ['GET', 'HEAD'] : [method];
}

/** Meant for people, who get errors as a page too. */
export function isHtml({ output }: Route): boolean {
  return output.kind === 'bytes' && output.contentType.startsWith('text/html');
}
