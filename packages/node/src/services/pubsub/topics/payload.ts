/** Data too long for an entry: in numbered chunks, written before the entry that makes them visible. */
import { type Crypto, equalBytes } from '@p2pos/protocol';
import type { CallOptions, Records } from '../../../core/records/index.ts';
import { CHUNK_BYTES, type Chunked, chunkKey, topicKey } from './format.ts';

export interface PayloadDeps {
  readonly records: Pick<Records, 'put' | 'get' | 'delete'>;
  readonly crypto: Pick<Crypto, 'sha256'>;
}

export interface Payloads {
  write(
    topic: TopicName,
    id: Uint8Array,
    data: Uint8Array,
    ttlMs: number,
    options?: CallOptions,
  ): Promise<Chunked>;
  /** Undefined: retention took it. */
  read(topic: TopicName, chunked: Chunked, options?: CallOptions): Promise<Uint8Array | undefined>;
  remove(topic: TopicName, chunked: Chunked, options?: CallOptions): Promise<void>;
}

export interface TopicName {
  readonly app: string;
  readonly topic: string;
}

export function createPayloads({ records, crypto }: PayloadDeps): Payloads {
  const nameOf = ({ app, topic }: TopicName, id: Uint8Array, index: number) => {
    const key = chunkKey(topic, id, index);
    // Each where its own hash puts it, but all of a topic known by its name.
    return { namespace: `${app}/topic-chunks`, partition: key, key };
  };
  const indices = ({ bytes }: Pick<Chunked, 'bytes'>) =>
    Array.from({ length: Math.ceil(bytes / CHUNK_BYTES) }, (_, index) => index);

  return {
    async write(topic, id, data, ttlMs, options) {
      topicKey(topic.topic);
      await Promise.all(
        indices({ bytes: data.length }).map((index) =>
          records.put(
            {
              ...nameOf(topic, id, index),
              value: data.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES),
              ttlMs,
            },
            options,
          ),
        ),
      );
      return { id, bytes: data.length, hash: crypto.sha256(data) };
    },
    async read(topic, chunked, options) {
      const parts = await Promise.all(
        indices(chunked).map(async (index) => {
          const { found } = await records.get(
            { ...nameOf(topic, chunked.id, index), consistency: 'quorum' },
            options,
          );
          return found?.value;
        }),
      );
      if (parts.some((part) => part === undefined)) return undefined;
      const data = new Uint8Array(Buffer.concat(parts as Uint8Array[]));
      const whole = data.length === chunked.bytes && equalBytes(crypto.sha256(data), chunked.hash);
      return whole ? data : undefined;
    },
    async remove(topic, chunked, options) {
      await Promise.all(
        indices(chunked).map((index) => records.delete(nameOf(topic, chunked.id, index), options)),
      );
    },
  };
}
