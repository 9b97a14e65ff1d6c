/** Reading: asks the nodes closest to the key and believes only what it verified. */
import { type Crypto, type DhtEntry, dhtKeyOf, equalBytes } from '@p2pos/protocol';
import type { Reputation } from '../guard/reputation.ts';
import type { Search } from '../lookup/search.ts';
import type { Contact, DhtTransport, Found } from '../port.ts';
import type { NodeId } from '../routing/node-id.ts';
import { type CheckedValue, identityOf, type StoredValue } from './value.ts';
import type { ValueStore } from './value-store.ts';

export interface ReaderDeps {
  readonly search: Search;
  readonly store: Pick<ValueStore, 'get'>;
  readonly check: (value: StoredValue) => Promise<CheckedValue>;
  readonly reputation: Reputation;
  readonly transport: Pick<DhtTransport, 'networkOf'>;
}

export interface Reader {
  content(key: NodeId, signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** The newest of each, the newest first. */
  entries(
    source: Pick<DhtEntry, 'kind' | 'author' | 'topic'>,
    crypto: Pick<Crypto, 'sha256'>,
    signal: AbortSignal,
  ): Promise<Found[]>;
}

const LOCAL = { count: 1_024, bytes: Number.POSITIVE_INFINITY };
/** Of one answer whose value does not lie under the key that was asked for, or is forged. */
const FORGERY_POINTS = 20;

export function createReader({ search, store, check, reputation, transport }: ReaderDeps): Reader {
  function blame({ peerId }: Contact): void {
    reputation.blame(peerId, transport.networkOf(peerId), FORGERY_POINTS);
  }

  /** Copies of one value are verified once. */
  function createChecks(key: NodeId) {
    const checks: { readonly value: StoredValue; readonly result: Promise<CheckedValue | undefined> }[] = [];
    return (value: StoredValue): Promise<CheckedValue | undefined> => {
      const known = checks.find(
        (one) => one.value.kind === value.kind && equalBytes(one.value.bytes, value.bytes),
      );
      if (known) return known.result;
      const result = check(value).then(
        (checked) => (equalBytes(checked.key, key) ? checked : undefined),
        () => undefined,
      );
      checks.push({ value, result });
      return result;
    };
  }

  return {
    async content(key, signal) {
      const checked = createChecks(key);
      let found: Uint8Array | undefined;
      const take = async (values: readonly StoredValue[]) => {
        for (const value of values)
          if (value.kind === 'content' && (await checked(value))) found = value.bytes;
      };
      await take(store.get(key, LOCAL));
      if (found) return found;
      await search.value(
        key,
        (contact, { values }) => {
          const offered = values.filter(({ kind }) => kind === 'content');
          if (offered.length === 0) return false;
          return take(offered).then(() => {
            if (!found) blame(contact);
            return found !== undefined;
          });
        },
        signal,
      );
      return found;
    },
    async entries(source, crypto, signal) {
      const key = dhtKeyOf(source, crypto);
      const checked = createChecks(key);
      const newest = new Map<string, CheckedValue & { readonly entry: DhtEntry }>();
      async function take(values: readonly StoredValue[]): Promise<boolean> {
        let sound = true;
        for (const value of values) {
          const one = await checked(value);
          const entry = one?.entry;
          if (!one || !entry) {
            sound = false;
            continue;
          }
          const identity = identityOf(one);
          const before = newest.get(identity);
          if (!before || before.entry.seq < entry.seq) newest.set(identity, { ...one, entry });
        }
        return sound;
      }
      const signedOf = (values: readonly StoredValue[]) => values.filter(({ kind }) => kind === 'signed');
      await take(signedOf(store.get(key, LOCAL)));
      await search.value(
        key,
        (contact, { values }) => {
          const offered = signedOf(values);
          if (offered.length === 0) return false;
          return take(offered).then((sound) => {
            if (!sound) blame(contact);
            return false;
          });
        },
        signal,
      );
      return [...newest.values()]
        .filter(({ entry }) => entry.kind === 'own' || entry.value.length > 0)
        .sort((a, b) => b.entry.seq - a.entry.seq)
        .map(({ entry, expiresAt }) => ({
          author: entry.author,
          entry: entry.entry,
          value: entry.value,
          seq: entry.seq,
          expiresAt,
        }));
    },
  };
}
