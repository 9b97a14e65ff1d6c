/** Bodies of every call and answer between nodes: decoded, then checked by their schemas. */
import { isP2posError } from '@p2pos/protocol';
import { KAD } from '../../packages/node/src/core/dht/wire/rpc-transport.ts';
import { HEARTBEAT } from '../../packages/node/src/core/presence/wire.ts';
import { REACH } from '../../packages/node/src/core/reach/wire.ts';
import { RECORDS } from '../../packages/node/src/core/records/format/wire.ts';
import type { Capability } from '../../packages/node/src/core/rpc/index.ts';
import { APPS } from '../../packages/node/src/services/apps/wire.ts';
import { STATUS } from '../../packages/node/src/services/network/wire.ts';
import { GROUPS, TOPICS } from '../../packages/node/src/services/pubsub/topics/wire.ts';
import { PUBSUB } from '../../packages/node/src/services/pubsub/wire.ts';
import { RENDEZVOUS } from '../../packages/node/src/services/rendezvous/wire.ts';
import { SQL } from '../../packages/node/src/services/sql/wire.ts';
import { UPDATE } from '../../packages/node/src/services/update/wire.ts';
import { MEMBERSHIP, MEMBERSHIP_PUSH } from '../../packages/protocol/src/membership/wire.ts';
import { CLIENT } from '../../packages/protocol/src/rpc/client.ts';
import { PEERS, PING } from '../../packages/protocol/src/rpc/mesh.ts';
import { decodeBody } from '../../packages/protocol/src/rpc/wire/body.ts';
import type { Target } from '../engine.ts';
import { honestTraffic } from '../traffic.ts';

const CAPABILITIES: readonly Capability[] = [
  PING,
  PEERS,
  HEARTBEAT,
  RECORDS,
  MEMBERSHIP,
  MEMBERSHIP_PUSH,
  STATUS,
  APPS,
  PUBSUB,
  TOPICS,
  GROUPS,
  SQL,
  KAD,
  REACH,
  RENDEZVOUS,
  UPDATE,
  CLIENT,
];

/** The first byte of an input names the method and the way: even numbers are calls, odd ones answers. */
export const capabilityTargets: readonly Target[] = CAPABILITIES.map(({ protocol, methods }) => {
  const ways = Object.values(methods).flatMap((method) => [
    { method, schema: method.input },
    { method, schema: method.output },
  ]);
  return {
    name: protocol.split('/')[2] as string,
    seeds: async () => {
      const { bodies } = await honestTraffic();
      return bodies.flatMap((body) => ways.map((_, index) => Uint8Array.of(index, ...body)));
    },
    run(input) {
      const way = ways[(input[0] ?? 0) % ways.length];
      if (!way) return;
      way.schema.safeParse(decodeBody(input.subarray(1), way.method));
    },
    expects: (error) => isP2posError(error),
  };
});
