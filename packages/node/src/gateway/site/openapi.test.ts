import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { contract, ERRORS, type Route } from '@p2pos/protocol';
import { createTestDoor } from '../../testing/http-door.ts';

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly security: readonly object[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required: boolean;
    readonly schema: Record<string, unknown>;
  }[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema: object }> };
  readonly responses: Record<
    string,
    { readonly description: string; readonly content?: Record<string, { readonly schema: object }> }
  >;
}
interface Document {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: {
    readonly schemas: Record<string, object>;
    readonly securitySchemes: Record<string, object>;
  };
}

async function readDocument(): Promise<Document> {
  await using door = await createTestDoor({
    supervisor: { nodes: async () => [], kill: unused, start: unused },
  });
  const answer = await fetch(`${door.url}/openapi.json`);
  assert.match(answer.headers.get('content-type') ?? '', /^application\/json/);
  return (await answer.json()) as Document;
}

const unused = () => Promise.reject(new Error('unused'));

describe('the OpenAPI document', () => {
  it('has the parts that OpenAPI 3.1 demands', async () => {
    const document = await readDocument();
    assert.match(document.openapi, /^3\.1\.\d$/);
    assert.equal(document.info.version, '0.0.0');
    const ids = new Set<string>();
    for (const [path, operations] of Object.entries(document.paths)) {
      assert.match(path, /^\/[\w/{}.-]*$/);
      for (const [method, operation] of Object.entries(operations)) {
        assert.ok(['get', 'head', 'put', 'post', 'delete'].includes(method));
        assert.ok(!ids.has(operation.operationId), operation.operationId);
        ids.add(operation.operationId);
        const templated = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
        const inPath = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path');
        assert.deepEqual(
          inPath.map(({ name }) => name),
          templated,
        );
        assert.ok(inPath.every(({ required }) => required));
        for (const parameter of operation.parameters ?? []) assertSchema(parameter.schema);
        for (const media of Object.values(operation.requestBody?.content ?? {})) assertSchema(media.schema);
        for (const [status, response] of Object.entries(operation.responses)) {
          assert.match(status, /^[1-5]\d\d$/);
          assert.ok(response.description);
          for (const media of Object.values(response.content ?? {})) assertSchema(media.schema);
          assert.ok(method !== 'head' || !response.content);
        }
      }
    }
    for (const reference of JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)) {
      assert.ok(document.components.schemas[reference[1] as string]);
    }
    assert.doesNotMatch(JSON.stringify(document), /"\$schema"|undefined/);
  });

  it('describes each operation of the contract, its errors and grant', async () => {
    const document = await readDocument();
    const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
    for (const [capability, routes] of Object.entries(contract)) {
      for (const [name, route] of Object.entries<Route>(routes)) {
        const operation = operations.find(({ operationId }) => operationId === `${capability}.${name}`);
        assert.equal(operation?.summary, route.summary);
        assert.ok(operation?.responses[String(route.status ?? 200)]);
        for (const code of route.errors) {
          assert.ok(operation.responses[String(ERRORS[code].status)]?.description.includes(code), code);
        }
        const open = route.grant === 'none' || route.grant === 'loopback';
        assert.equal(
          operation.security.some((entry) => Object.keys(entry).length === 0),
          open,
        );
      }
    }
    assert.equal(operations.length, Object.values(contract).flatMap((routes) => Object.keys(routes)).length);
  });

  it('shows values as they are on the wire', async () => {
    const { paths } = await readDocument();
    const parameter = (path: string, method: string, name: string) =>
      paths[path]?.[method]?.parameters?.find((candidate) => candidate.name === name);
    assert.deepEqual(parameter('/v1/kv', 'get', 'limit')?.schema, {
      type: 'integer',
      minimum: 1,
      maximum: 1_000,
    });
    assert.equal(parameter('/v1/kv/{key}', 'put', 'ttl')?.schema['type'], 'string');
    assert.deepEqual(parameter('/v1/kv', 'get', 'partial')?.schema['enum'], ['0', '1']);
    assert.equal(parameter('/v1/kv/{key}', 'put', 'ttl')?.required, false);
    assert.deepEqual(parameter('/v1/kv/{key}', 'get', 'x-p2pos-consistency')?.schema['enum'], [
      'one',
      'quorum',
      'all',
    ]);
  });
});

function assertSchema(schema: object): void {
  const known = ['type', 'enum', 'anyOf', 'oneOf', 'allOf', 'contentMediaType', '$ref', 'const'];
  assert.ok(
    Object.keys(schema).some((key) => known.includes(key)),
    JSON.stringify(schema),
  );
}
