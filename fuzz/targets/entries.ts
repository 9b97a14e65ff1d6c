/**
 * What members keep for each other and read back: entries of catalogues and logs; and files and answers that come from outside
 * of the system: transcripts, bundles, routers, engines, nodes as a client meets them.
 */
import {
  appendToTranscript,
  encodeCbor,
  formatAdminBundle,
  formatTimestamp,
  isP2posError,
  readAdminBundle,
  verifyTranscript,
} from '@p2pos/protocol';
import { orderCertificate } from '../../packages/node/src/core/autotls/acme.ts';
import { makeKey } from '../../packages/node/src/core/autotls/certificate-key.ts';
import { silentLogger } from '../../packages/node/src/core/log/index.ts';
import { parseDevice } from '../../packages/node/src/core/reach/upnp/device.ts';
import { readAnswer } from '../../packages/node/src/core/reach/upnp/search.ts';
import { encodeState } from '../../packages/node/src/core/records/cas/state.ts';
import { createAudit } from '../../packages/node/src/services/apps/audit.ts';
import { registrationOf } from '../../packages/node/src/services/rendezvous/rendezvous.ts';
import { createCatalogue } from '../../packages/node/src/services/sql/catalogue.ts';
import { resultsOf } from '../../packages/node/src/services/sql/rqlite/answers.ts';
import { instantCrypto } from '../../packages/node/src/testing/instant-crypto.ts';
import { createManualClock } from '../../packages/node/src/testing/manual-clock.ts';
import { createSeededRandom } from '../../packages/node/src/testing/seeded-random.ts';
import { createTestSystem } from '../../packages/node/src/testing/test-system.ts';
import { readRegisterState } from '../../packages/protocol/src/register-state.ts';
import { decodeAnswer } from '../../packages/sdk/src/answer.ts';
import { OPERATIONS } from '../../packages/sdk/src/contract/operations.ts';
import type { Target } from '../engine.ts';
import { holding } from './holding.ts';

const typed = (error: unknown) => isP2posError(error);
const utf8 = new TextEncoder();
const textOf = (input: Uint8Array) => new TextDecoder().decode(input);
const AUTHOR = '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN';
const VERSION = `0198000000000001-${AUTHOR}`;
const clock = createManualClock();
const authorityKey = makeKey();

const sqlCatalogue: Target = {
  name: 'sql-catalogue',
  seeds: () => {
    const id = '00112233445566778899aabbccddeeff';
    const sqlite = { id, engine: 'sqlite', holders: [{ peerId: AUTHOR }], wanted: 1 };
    const voter = { peerId: AUTHOR, host: '10.0.0.1', port: 4_002, joined: true };
    const rqlite = { id, engine: 'rqlite', holders: [voter], wanted: 3, secret: new Uint8Array(32) };
    const more = { readers: 1, backup: { everyMs: 1_000, keep: 3 }, next: { ...sqlite, since: 5 } };
    return [
      encodeCbor({ format: 1, ...sqlite, createdAt: 1 }),
      encodeCbor({ format: 1, ...rqlite, createdAt: 1, ...more }),
    ];
  },
  async run(input) {
    const records = { declare() {}, registers: holding(input) };
    await createCatalogue({ records, clock }, { replicas: 3 }).read({ app: 'shop', name: 'orders' });
  },
  expects: typed,
};

/** What cannot be read is no registration, and nobody's error. */
const rendezvousValues: Target = {
  name: 'rendezvous-value',
  seeds: () => [
    encodeCbor({ addresses: ['/ip4/192.0.2.1/tcp/4001'] }),
    encodeCbor({ addresses: [], data: Uint8Array.of(1, 2, 3) }),
  ],
  run: (input) => registrationOf(AUTHOR, 'a', { value: input, expiresAt: Date.UTC(2026, 0, 1) }),
  expects: () => false,
};

/** One entry that a member wrote spoils no list. */
const audit: Target = {
  name: 'app-audit',
  seeds: () => {
    const who = { node: AUTHOR, actor: 'operator', app: 'shop' };
    return [encodeCbor({ at: 1, ...who, operation: 'apps.createToken', target: 'ci', outcome: 'ok' })];
  },
  async run(input) {
    const found = { value: input, version: VERSION };
    const records = {
      declare() {},
      put: async () => ({ version: VERSION, durable: 3, replicas: [], replaced: undefined }),
      get: async () => ({ found, asked: [], answered: [], slot: 0, replicas: [] }),
      scanAll: async () => ({ keys: [utf8.encode('a')], more: false, missingSlots: [] }),
    };
    const random = createSeededRandom('audit');
    const log = createAudit({ records: records as never, clock, random, log: silentLogger }, { replicas: 3 });
    await log.list(1);
  },
  expects: () => false,
};

const registerViews: Target = {
  name: 'register-view',
  seeds: () => {
    const changes = [{ version: VERSION, request: undefined, previous: undefined }];
    const state = { version: VERSION, expiresAt: undefined, whole: true, changes };
    return [encodeState({ ...state, value: Uint8Array.of(1, 2, 3) }), encodeState({ ...state, value: null })];
  },
  run: (input) => readRegisterState(input),
  expects: typed,
};

const transcripts: Target = {
  name: 'transcript',
  async seeds() {
    const system = await createTestSystem({ nodes: 1 });
    const revocation = await system.revocation({ peerIds: [AUTHOR] });
    const lines = [
      { kind: 'genesis', document: system.genesis.bytes },
      { kind: 'admin-proof', document: system.admin.proof.bytes },
      { kind: 'revocation', document: revocation.bytes },
    ] as const;
    const at = formatTimestamp(Date.UTC(2026, 0, 1));
    const grown = lines.map((_, i) =>
      lines
        .slice(0, i + 1)
        .reduce((text, one) => appendToTranscript(text, { at, ...one }, instantCrypto), ''),
    );
    return grown.map((text) => utf8.encode(text));
  },
  run: (input) => verifyTranscript(textOf(input), instantCrypto),
  expects: typed,
};

const adminBundles: Target = {
  name: 'admin-bundle',
  seeds: () => {
    const system = { systemId: `sys1${'a'.repeat(52)}`, addresses: ['/dnsaddr/example.org'] };
    const bundle = { version: 1, ...system, key: 'sealed', proof: Uint8Array.of(1, 2, 3) } as const;
    return [utf8.encode(formatAdminBundle(bundle))];
  },
  run: (input) => readAdminBundle(textOf(input)),
  expects: typed,
};

/** The first byte names whether it is an answer to a search or the description of a device. */
const routers: Target = {
  name: 'router-answers',
  seeds: () => {
    const device = (url: string) =>
      `<root><URLBase>http://192.0.2.1/</URLBase><friendlyName> Box </friendlyName><service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType><controlURL>${url}</controlURL></service></root>`;
    const answer =
      'HTTP/1.1 200 OK\r\nST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\nLocation: http://192.0.2.1/root.xml\r\n\r\n';
    return [
      Uint8Array.of(0, ...utf8.encode(answer)),
      Uint8Array.of(1, ...utf8.encode(device('/control'))),
      Uint8Array.of(1, ...utf8.encode(device('http://192.0.2.9/control'))),
    ];
  },
  run(input) {
    const text = textOf(input.subarray(1));
    if ((input[0] ?? 0) % 2 === 0) readAnswer(text, '192.0.2.1');
    else parseDevice(text, new URL('http://192.0.2.1/root.xml'));
  },
  expects: () => false,
};

/** Each line is the body of one answer, from the directory to the chain. */
const certificateAuthority: Target = {
  name: 'certificate-authority',
  seeds: () => {
    const at = 'http://192.0.2.1/';
    const directory = { newNonce: at, newAccount: at, newOrder: at };
    const order = { status: 'valid', authorizations: [at], finalize: at, certificate: at };
    const challenge = { type: 'dns-01', url: at, token: 'token' };
    const authorization = { status: 'pending', identifier: { value: 'a' }, challenges: [challenge] };
    const judged = { status: 'invalid', identifier: { value: 'a' }, challenges: [] };
    const lines = (...answers: unknown[]) =>
      utf8.encode(answers.map((answer) => JSON.stringify(answer)).join('\n'));
    return [
      lines(directory, {}, order, { ...authorization, status: 'valid' }, {}, order, 'chain'),
      lines(directory, {}, order, authorization, {}, judged),
    ];
  },
  async run(input) {
    const bodies = textOf(input).split('\n');
    const headers = { 'replay-nonce': 'nonce', location: 'http://192.0.2.1/' };
    const answer = (method: string | undefined) => {
      if (method === 'HEAD') return new Response(null, { headers });
      const body = bodies.shift();
      if (body === undefined) throw new Error('there is no further answer');
      return new Response(body, { headers });
    };
    await orderCertificate(
      { fetch: async (_, options) => answer(options?.method), clock },
      {
        directoryUrl: 'http://192.0.2.1/',
        accountKey: authorityKey,
        names: ['*.a'],
        request: Uint8Array.of(1),
        prove: async () => {},
      },
      AbortSignal.abort(new Error('nobody waits')),
    );
  },
  // Any of them is the reason why there is no certificate, and told as such.
  expects: (error) => error instanceof Error && !(error instanceof TypeError || error instanceof RangeError),
};

/** The first byte names the status. */
const engineAnswers: Target = {
  name: 'rqlite-answers',
  seeds: () => [
    Uint8Array.of(0, ...utf8.encode('{"results":[{"columns":["a"],"types":["integer"],"values":[[1]]}]}')),
    Uint8Array.of(0, ...utf8.encode('{"results":[{"values":[[9007199254740993123]]}]}')),
    Uint8Array.of(0, ...utf8.encode('{"results":[],"error":"leader not found"}')),
    Uint8Array.of(1, ...utf8.encode('not leader')),
  ],
  run(input) {
    const status = (input[0] ?? 0) % 2 === 0 ? 200 : 503;
    resultsOf({ status, body: Buffer.from(input.subarray(1)) } as never, 'orders');
  },
  expects: typed,
};

/** The first byte names the operation and whether it went well. */
const nodeAnswers: Target = {
  name: 'sdk-answers',
  seeds: () => {
    const listed = JSON.stringify({ keys: ['a'], cursor: null, missingSlots: [1] });
    const failed = JSON.stringify({ code: 'TIMEOUT', message: 'it', details: { what: 'it', timeoutMs: 5 } });
    return [
      Uint8Array.of(0, ...utf8.encode(listed)),
      Uint8Array.of(1, ...utf8.encode(failed)),
      Uint8Array.of(2, 1, 2, 3),
      Uint8Array.of(2, ...utf8.encode('{"slot":1,"replicas":[],"asked":[],"answered":[]}')),
    ];
  },
  async run(input) {
    const kind = (input[0] ?? 0) % 3;
    const operation = OPERATIONS[kind === 2 ? 'kv.get' : 'kv.list'];
    const body = input.slice(1);
    const explain = kind === 2 ? textOf(body).replaceAll(/[^\x20-\x7e]/g, '') : '{}';
    const headers = { etag: `"${VERSION}"`, 'x-p2pos-explain': explain };
    const response = new Response(body, { status: kind === 1 ? 503 : 200, headers });
    await decodeAnswer(operation, response, 'http://127.0.0.1:4180');
  },
  expects: typed,
};

export const entryTargets: readonly Target[] = [
  sqlCatalogue,
  rendezvousValues,
  audit,
  registerViews,
  transcripts,
  adminBundles,
  routers,
  certificateAuthority,
  engineAnswers,
  nodeAnswers,
];
