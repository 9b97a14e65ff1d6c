/** The membership of one node of a test system, on a disk in memory that outlives it. */
import { createHash } from 'node:crypto';
import type { SignedDocument, Snapshot } from '@p2pos/protocol';
import type { Clock } from '../core/clock/index.ts';
import { type LogFields, type Logger, silentLogger } from '../core/log/index.ts';
import {
  type MembershipConfig,
  type MembershipDeps,
  openMembership,
  type Submission,
} from '../core/membership/index.ts';
import type { Store } from '../core/store/index.ts';
import { createManualClock } from './manual-clock.ts';
import { createMemoryDisk, type MemoryDisk } from './memory-store.ts';
import type { TestSystem } from './test-system.ts';

export interface TestMembershipConfig extends Partial<MembershipConfig>, Partial<MembershipDeps> {
  /** Index into the system's nodes. Default 0. */
  readonly node?: number;
  readonly clock?: Clock;
  /** Default: a new one. */
  readonly disk?: MemoryDisk;
  /** Instead of a disk. */
  readonly store?: Store;
  /** False: the genesis has to come from elsewhere. */
  readonly withGenesis?: boolean;
}

export async function openTestMembership(system: TestSystem, config: TestMembershipConfig = {}) {
  const { node = 0, clock = createManualClock(), withGenesis = true } = config;
  const disk = config.disk ?? createTestDisk(`${system.systemId}/${node}`);
  const { peerId, signer } = system.nodes[node] as TestSystem['nodes'][number];
  return openMembership(
    {
      store: config.store ?? disk.open(),
      crypto: system.crypto,
      clock,
      log: config.log ?? silentLogger,
      identity: config.identity ?? { peerId, signer },
      ...(config.replicasOf && { replicasOf: config.replicasOf }),
      ...(config.clockOffsetMs && { clockOffsetMs: config.clockOffsetMs }),
    },
    {
      systemId: config.systemId ?? system.systemId,
      genesisBytes: withGenesis ? (config.genesisBytes ?? system.genesis.bytes) : undefined,
      anchor: config.anchor,
    },
  );
}

export function createTestDisk(seed: string, maxBytes = 0): MemoryDisk {
  const bytes = (length: number) =>
    new Uint8Array(createHash('sha256').update(seed).digest()).subarray(0, length);
  return createMemoryDisk({ bytes }, { maxBytes });
}

export const firstHand = ({ bytes }: SignedDocument<Snapshot>): Submission => ({
  kind: 'snapshot',
  bytes,
  from: 'http',
});

export interface LogLine extends LogFields {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
}

/** Keeps what is logged. */
export function createTestLogger(): Logger & { readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: LogLine['level']) => (fields: LogFields) => void lines.push({ level, ...fields });
  const logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => logger,
    lines,
  };
  return logger;
}
