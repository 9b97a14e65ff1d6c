/** Every capability that nodes offer each other. A test compares it with what the source defines. */
import { KAD } from '../../packages/node/src/core/dht/wire/rpc-transport.ts';
import { PING } from '../../packages/node/src/core/liveness/liveness.ts';
import { PEERS } from '../../packages/node/src/core/mesh/peer-exchange.ts';
import { HEARTBEAT } from '../../packages/node/src/core/presence/wire.ts';
import { REACH } from '../../packages/node/src/core/reach/wire.ts';
import { RECORDS } from '../../packages/node/src/core/records/format/wire.ts';
import type { Capability } from '../../packages/node/src/core/rpc/index.ts';
import { APPS } from '../../packages/node/src/services/apps/wire.ts';
import { MEMBERSHIP, MEMBERSHIP_PUSH } from '../../packages/node/src/services/members/wire.ts';
import { STATUS } from '../../packages/node/src/services/network/wire.ts';
import { GROUPS, TOPICS } from '../../packages/node/src/services/pubsub/topics/wire.ts';
import { PUBSUB } from '../../packages/node/src/services/pubsub/wire.ts';
import { RENDEZVOUS } from '../../packages/node/src/services/rendezvous/wire.ts';
import { SQL } from '../../packages/node/src/services/sql/wire.ts';
import { UPDATE } from '../../packages/node/src/services/update/wire.ts';

export const CAPABILITIES: readonly Capability[] = [
  APPS,
  GROUPS,
  HEARTBEAT,
  KAD,
  MEMBERSHIP,
  MEMBERSHIP_PUSH,
  PEERS,
  PING,
  PUBSUB,
  REACH,
  RECORDS,
  RENDEZVOUS,
  SQL,
  STATUS,
  TOPICS,
  UPDATE,
];
