/**
 * An HTTP operation as a value: from it come the server's handler types and checks, the SDK's calls, the OpenAPI
 * document and the reference pages. `values.ts` holds the codecs between text or JSON on the wire and values in code.
 *
 * @example
 * const clock = defineRoutes({
 *   read: {
 *     summary: 'The time in a zone.', method: 'GET', path: '/v1/clock/{zone}', grant: 'clock:read',
 *     params: { zone: z.string() }, query: { offset: integer(0, 60).optional() },
 *     output: json(z.object({ time: z.string() })), errors: ['BAD_REQUEST'],
 *   },
 * });
 * const handlers: RouteHandlers<typeof clock> = { read: async ({ zone, offset }) => ({ time: `${zone} ${offset}` }) };
 */
import type { z } from 'zod';
import type { ErrorCode } from '../errors/errors.ts';

/** `<capability>:<action>`; `token`: any token; `loopback`: any token, and none on loopback; `none`: open to whoever reaches the door. */
export type Grant = `${string}:${string}` | 'token' | 'loopback' | 'none';

export type Fields = Readonly<Record<string, z.ZodType>>;

/** A field that travels under another name: a header (lower case) or a query parameter. */
export interface Named<S extends z.ZodType = z.ZodType> {
  readonly name: string;
  readonly schema: S;
}
export type HeaderFields = Readonly<Record<string, Named>>;
export type QueryFields = Readonly<Record<string, z.ZodType | Named>>;

/** Raw bytes of any content type. */
export interface BytesBody {
  readonly kind: 'bytes';
  readonly maxBytes: number;
  /** Code of the refusal of a larger body. Default `BODY_TOO_LARGE`. */
  readonly tooLarge?: ErrorCode;
  /** What a client sends as content type. Default `application/octet-stream`. */
  readonly contentType?: string;
}
export interface JsonBody<S extends z.ZodType = z.ZodType> {
  readonly kind: 'json';
  readonly schema: S;
  readonly maxBytes: number;
}
export type RequestBody = BytesBody | JsonBody;

export interface JsonOutput<S extends z.ZodType = z.ZodType> {
  readonly kind: 'json';
  readonly schema: S;
}
/** The answer is `{ body, ...headers }`. */
export interface BytesOutput<H extends HeaderFields = HeaderFields> {
  readonly kind: 'bytes';
  readonly contentType: string;
  readonly headers: H;
}
/** No body (HEAD); the answer is `{ ...headers }`. */
export interface EmptyOutput<H extends HeaderFields = HeaderFields> {
  readonly kind: 'empty';
  readonly headers: H;
}
export type Output = JsonOutput | BytesOutput | EmptyOutput;

export interface Route {
  /** One sentence for the OpenAPI document, the reference and the CLI. */
  readonly summary: string;
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** `{name}` stands for one segment; `{name+}`, only at the end, for the whole rest, slashes included. */
  readonly path: string;
  readonly grant: Grant;
  /** The input that the prefix of a grant is compared with; absent: a grant that is bound to a prefix does not do. */
  readonly subject?: string;
  /** What it takes of an app's quotas besides one request. */
  readonly meter?: 'message' | 'storage' | 'kept-message';
  /** One schema per `{name}` of the path, from the percent-decoded text. */
  readonly params?: Fields;
  /** Others than these are refused. */
  readonly query?: QueryFields;
  readonly headers?: HeaderFields;
  /** Absent: the request has no body. */
  readonly body?: RequestBody;
  readonly output: Output;
  /** Of success. Default 200. */
  readonly status?: number;
  /** What it may answer besides AUTH_REQUIRED, GRANT_MISSING, TIMEOUT, OVERLOADED, INTERNAL and the other answers of the door. */
  readonly errors: readonly ErrorCode[];
  /** The code with which a bad value of an input is refused; default `BAD_REQUEST`. Details: {name, reason}. */
  readonly invalid?: Readonly<Record<string, ErrorCode>>;
  /** A repeat has no further effect, so clients may send it again without an idempotency key. Default: GET and HEAD only. */
  readonly repeatable?: boolean;
}
export type Routes = Readonly<Record<string, Route>>;

/** What the door knows of the caller. */
export interface RequestContext {
  /** The tenant the call acts in; `default` is the operator's own. Stored namespaces are `<app>/<service>`. */
  readonly app: string;
  readonly grants: readonly string[];
  /** Of a tenant; the operator has none. */
  readonly tokenId?: string | undefined;
  /** UUIDv7, also in the answer's `x-request-id` and in the log. */
  readonly requestId: string;
  /** Aborts with TIMEOUT at the request's deadline, with CANCELLED when the client is gone. */
  readonly signal: AbortSignal;
  /** Of what only sometimes stores something new, asked when it does. Rejects with QUOTA_STORAGE; absent: nobody's quota. */
  readonly mayStore?: (() => Promise<void>) | undefined;
}

type Flat<T> = { [K in keyof T]: T[K] } & {};
type Values<F extends Fields> = Flat<
  {
    readonly [K in keyof F as undefined extends z.output<F[K]> ? never : K]: z.output<F[K]>;
  } & {
    readonly [K in keyof F as undefined extends z.output<F[K]> ? K : never]?: z.output<F[K]>;
  }
>;
type SchemaOf<F> = F extends Named<infer S> ? S : F extends z.ZodType ? F : never;
type NamedValues<H extends QueryFields> = Values<{ readonly [K in keyof H]: SchemaOf<H[K]> }>;
type BodyOf<B> = B extends JsonBody<infer S> ? { readonly body: z.output<S> } : { readonly body: Uint8Array };

/** Params, query and headers under their names in one object, the body under `body`. */
export type RouteInput<R extends Route> = Flat<
  (R extends { readonly params: infer P extends Fields } ? Values<P> : unknown) &
    (R extends { readonly query: infer Q extends QueryFields } ? NamedValues<Q> : unknown) &
    (R extends { readonly headers: infer H extends HeaderFields } ? NamedValues<H> : unknown) &
    (R extends { readonly body: infer B extends RequestBody } ? BodyOf<B> : unknown)
>;

export type RouteOutput<R extends Route> =
  R['output'] extends JsonOutput<infer S>
    ? z.output<S>
    : R['output'] extends BytesOutput<infer H>
      ? Flat<{ readonly body: Uint8Array } & NamedValues<H>>
      : R['output'] extends EmptyOutput<infer H>
        ? NamedValues<H>
        : never;

/** One method per operation: a missing one does not compile. */
export type RouteHandlers<R extends Routes> = {
  readonly [K in keyof R]: (input: RouteInput<R[K]>, context: RequestContext) => Promise<RouteOutput<R[K]>>;
};

export function json<S extends z.ZodType>(schema: S): JsonOutput<S> {
  return { kind: 'json', schema };
}

export function bytes<const H extends HeaderFields = Record<never, never>>(
  contentType: string,
  headers?: H,
): BytesOutput<H> {
  return { kind: 'bytes', contentType, headers: headers ?? ({} as H) };
}

export function empty<const H extends HeaderFields = Record<never, never>>(headers?: H): EmptyOutput<H> {
  return { kind: 'empty', headers: headers ?? ({} as H) };
}

export function jsonBody<S extends z.ZodType>(schema: S, maxBytes: number): JsonBody<S> {
  return { kind: 'json', schema, maxBytes };
}

export function bytesBody(
  maxBytes: number,
  options: { readonly tooLarge?: ErrorCode; readonly contentType?: string } = {},
): BytesBody {
  return { kind: 'bytes', maxBytes, ...options };
}

/** A field under the header `name` (lower case). */
export function header<S extends z.ZodType>(name: string, schema: S): Named<S> {
  return { name, schema };
}

/** A query field whose name on the wire is `name`. */
export function parameter<S extends z.ZodType>(name: string, schema: S): Named<S> {
  return { name, schema };
}

export interface RouteField {
  /** In code. */
  readonly name: string;
  readonly place: 'path' | 'query' | 'header';
  /** On the wire. */
  readonly wireName: string;
  readonly schema: z.ZodType;
}

/** Whether nothing on the wire is nothing in code, so that an absent field need not be looked at. */
export function mayBeAbsent(schema: z.ZodType): boolean {
  const read = schema.safeDecode(undefined as never);
  const written = schema.safeEncode(undefined as never);
  return read.success && read.data === undefined && written.success && written.data === undefined;
}

/** All inputs of a route but the body. */
export function routeFields(route: Route): RouteField[] {
  const list = (place: RouteField['place'], fields: QueryFields = {}) =>
    Object.entries(fields).map(([name, field]): RouteField => {
      const schema = 'schema' in field ? field.schema : field;
      return { name, place, wireName: 'schema' in field ? field.name : name, schema };
    });
  return [...list('path', route.params), ...list('query', route.query), ...list('header', route.headers)];
}

/** The names between braces of a path, `+` left out. */
export function pathParams(path: string): string[] {
  return [...path.matchAll(/\{(\w+)\+?\}/g)].map((match) => match[1] as string);
}

/** Checks what types cannot; a contract that is wrong fails when it is loaded. */
export function defineRoutes<const R extends Routes>(routes: R): R {
  for (const [operation, route] of Object.entries<Route>(routes)) {
    const fail = (reason: string): never => {
      throw new TypeError(`route ${operation} (${route.method} ${route.path}): ${reason}`);
    };
    const params = Object.keys(route.params ?? {});
    if (params.toSorted().join() !== pathParams(route.path).toSorted().join())
      fail('params differ from the path');
    if (/\+\}./.test(route.path)) fail('{name+} is only for the end of the path');
    const names = routeFields(route).map(({ name }) => name);
    if (route.body) names.push('body');
    if (new Set(names).size !== names.length) fail('two inputs share one name');
    if (route.body && (route.method === 'GET' || route.method === 'HEAD')) fail('GET and HEAD carry no body');
    if ((route.method === 'HEAD') !== (route.output.kind === 'empty'))
      fail('HEAD, and only HEAD, answers empty');
    if (route.subject !== undefined && !names.includes(route.subject)) fail(`no input ${route.subject}`);
    for (const name of Object.keys(route.invalid ?? {})) if (!names.includes(name)) fail(`no input ${name}`);
  }
  return routes;
}
