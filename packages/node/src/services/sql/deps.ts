/** What the parts of the service share: what it stands on, and how it is called. */
import type { Crypto } from '@p2pos/protocol';
import type { Clock } from '../../core/clock/index.ts';
import type { Logger } from '../../core/log/index.ts';
import type { Membership } from '../../core/membership/index.ts';
import type { PeerId } from '../../core/net/index.ts';
import type { Presence } from '../../core/presence/index.ts';
import type { Random } from '../../core/random/index.ts';
import type { Records } from '../../core/records/index.ts';
import type { Rpc } from '../../core/rpc/index.ts';
import type { Shelf } from './shelf.ts';

export interface SqlDeps {
  readonly self: PeerId;
  readonly rpc: Pick<Rpc, 'call' | 'serve'>;
  readonly records: Pick<Records, 'declare' | 'registers' | 'leases'>;
  readonly membership: Pick<Membership, 'view' | 'isActive'>;
  readonly presence: Pick<Presence, 'reachability' | 'sighting'>;
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** How many databases an app may have; undefined: as many as it likes. */
  readonly databaseLimit?: (app: string) => Promise<number | undefined>;
  /** What lies on this node's disk; undefined: it holds no databases. Ended with the service. */
  readonly shelf: Shelf | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}
