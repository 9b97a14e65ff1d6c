/** Fastify with nothing around it, in a process of its own: what any door built on it can reach. Prints its port. */
import { fastify } from 'fastify';

const HEALTH = { status: 'ok', checks: [{ name: 'store', status: 'ok', detail: 'writable' }] };
const VALUE = Buffer.alloc(1_024, 'v');
const KEYS = { keys: Array.from({ length: 10 }, (_, i) => `bench/${i}`), cursor: null };

const app = fastify({ logger: false });
app.get('/v1/health', async () => HEALTH);
app.get('/v1/kv', async () => KEYS);
app.get('/v1/kv/*', async (_, reply) => reply.type('application/octet-stream').send(VALUE));
await app.listen({ port: 0, host: '127.0.0.1' });
const address = app.server.address();
console.log(typeof address === 'object' && address ? address.port : 0);
