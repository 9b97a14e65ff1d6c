/**
 * Rendezvous: programs say where they are under a name in a namespace, for a time, and others find them. Each registration
 * is an entry signed by the node it was made through; it is kept by up to three members that have the capability
 * `rendezvous`, and in the distributed hash table. Reading asks both and believes only what it verified.
 *
 * Promises: what `register` confirmed is found from every node that reaches one of those who hold it, until its time is
 * over; the newest of the same name and node counts; one app never sees another's.
 *
 * @example
 * const rendezvous = createRendezvous({ self, rpc, membership, dht, signer, crypto, clock, random, log });
 * await rendezvous.register({ app: 'default', namespace: 'chat/lobby', name: 'anna', addresses: ['203.0.113.7:9000'] });
 * (await rendezvous.discover({ app: 'default', namespace: 'chat/lobby' })).registrations;
 */
export { createRendezvous, type Rendezvous } from './rendezvous.ts';
export { createRendezvousHandlers } from './routes.ts';
