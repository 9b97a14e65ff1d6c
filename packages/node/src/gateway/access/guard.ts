/** What is checked and recorded around every operation, whichever way it was called. */
import {
  allows,
  type Grant,
  isP2posError,
  P2posError,
  pathParams,
  type RequestContext,
  type Route,
  TENANT_CAPABILITIES,
} from '@p2pos/protocol';
import type { Operation, StreamOperation } from '../service.ts';
import type { Tenants } from './tenants.ts';

export function guardOperation(operation: Operation, tenants: Tenants | undefined): Operation {
  const { id, route, handle } = operation;
  const recorded = tenants && isAdministrative(route);
  return {
    ...operation,
    async handle(input, context) {
      if (!recorded) {
        checkSubject(route, input, context);
        return handle(input, context);
      }
      let outcome = 'ok';
      try {
        checkSubject(route, input, context);
        return await handle(input, context);
      } catch (error) {
        outcome = isP2posError(error) ? error.code : 'INTERNAL';
        throw error;
      } finally {
        const target = pathParams(route.path)
          .map((name) => String(input[name]))
          .join(' ')
          .slice(0, 200);
        const { app, tokenId } = context;
        await tenants.note({ actor: tokenId ?? 'operator', app, operation: id, target, outcome });
      }
    },
  };
}

export function guardStream(operation: StreamOperation): StreamOperation {
  const { stream, open } = operation;
  return {
    ...operation,
    async open(input, context) {
      checkSubject(stream, input, context);
      return open(input, context);
    },
  };
}

/** @throws P2posError GRANT_MISSING */
function checkSubject(
  { grant, subject }: { readonly grant: Grant; readonly subject?: string },
  input: Record<string, unknown>,
  { grants }: RequestContext,
): void {
  const name = subject === undefined ? undefined : input[subject];
  if (allows(grants, grant, typeof name === 'string' ? name : undefined)) return;
  throw new P2posError('GRANT_MISSING', {
    grant,
    ...(typeof name === 'string' && { for: name.slice(0, 200) }),
  });
}

/** What changes the system rather than the data of an app. */
function isAdministrative({ method, grant, path }: Route): boolean {
  const [capability = ''] = grant.split(':');
  const ofTenants = (TENANT_CAPABILITIES as readonly string[]).includes(capability);
  return (
    method !== 'GET' && method !== 'HEAD' && grant.includes(':') && !ofTenants && path.startsWith('/v1/')
  );
}
