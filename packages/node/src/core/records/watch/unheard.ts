/**
 * What a watch has told and not yet heard from every replica that should have it: each of those tells it again to a watch that
 * goes on from a token, so the token names it. Bounded: of what was pushed out a later watch may tell a second time.
 */
import { type Crypto, toHex } from '@p2pos/protocol';
import type { PeerId } from '../../net/index.ts';

/** Of one that was told; which is which, a token need not say. */
export const TOLD_BYTES = 12;

export interface ToldChange {
  readonly version: string;
  readonly dead: boolean;
}

function toldDigest(crypto: Pick<Crypto, 'sha256'>, name: string, { version, dead }: ToldChange): Uint8Array {
  const text = `${version} ${dead ? 1 : 0} ${name}`;
  return crypto.sha256(Buffer.from(text, 'latin1')).slice(0, TOLD_BYTES);
}

export class Unheard {
  readonly #crypto: Pick<Crypto, 'sha256'>;
  readonly #max: number;
  /** By name, the oldest first. */
  readonly #told = new Map<string, ToldChange & { readonly waiting: Set<PeerId> }>();

  constructor(crypto: Pick<Crypto, 'sha256'>, { max }: { readonly max: number }) {
    this.#crypto = crypto;
    this.#max = max;
  }

  /** `waiting`: who should tell it too. */
  told(name: string, { version, dead }: ToldChange, waiting: Iterable<PeerId>): void {
    this.#told.delete(name);
    const set = new Set(waiting);
    if (set.size === 0) return;
    this.#told.set(name, { version, dead, waiting: set });
    if (this.#told.size > this.#max) this.#told.delete(this.#told.keys().next().value as string);
  }

  /** The replica has told this version, or a later one. */
  heard(peerId: PeerId, name: string, version: string): void {
    const one = this.#told.get(name);
    if (!one || version < one.version) return;
    one.waiting.delete(peerId);
    if (one.waiting.size === 0) this.#told.delete(name);
  }

  digests(): Uint8Array[] {
    return [...this.#told].map(([name, one]) => toldDigest(this.#crypto, name, one));
  }
}

/** What an earlier watch has told, as its token says. */
export class Repeats {
  readonly #crypto: Pick<Crypto, 'sha256'>;
  readonly #digests: Map<string, Uint8Array>;

  constructor(crypto: Pick<Crypto, 'sha256'>, told: readonly Uint8Array[]) {
    this.#crypto = crypto;
    this.#digests = new Map(told.map((digest) => [toHex(digest), digest]));
  }

  /** Whether the earlier one has told it; asked once of each. */
  take(name: string, change: ToldChange): boolean {
    return this.#digests.size > 0 && this.#digests.delete(toHex(toldDigest(this.#crypto, name, change)));
  }

  /** Those that no replica has told again so far. */
  left(): Uint8Array[] {
    return [...this.#digests.values()];
  }
}
