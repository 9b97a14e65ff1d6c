/**
 * The replica's side of receipts: it signs for records that it holds on disk as the newest. What is asked for while a
 * signature is made shares the next one, so receipts cost a signature per batch and writes without one cost nothing.
 */
import {
  type Crypto,
  MAX_RECEIPT_HEADERS,
  type Signer,
  type Statement,
  signStatements,
} from '@p2pos/protocol';
import type { PeerId } from '../../net/index.ts';
import type { ReceiptAnswer } from '../format/receipt-answer.ts';
import type { Placed, VersionBody } from '../format/wire.ts';
import type { Replica } from '../replica/replica.ts';
import type { RecordTable } from '../replica/store.ts';

export interface Notary {
  /** One answer per record, in their order. */
  sign(input: Placed & { readonly records: readonly VersionBody[] }, from: PeerId): Promise<ReceiptAnswer[]>;
}

export interface NotaryDeps {
  readonly self: PeerId;
  readonly systemId: string;
  readonly signer: Signer;
  readonly crypto: Crypto;
  readonly replica: Pick<Replica, 'admit'>;
  readonly table: Pick<RecordTable, 'find'>;
  /** Corrected time, ms. */
  readonly now: () => number;
}

interface Waiting {
  readonly header: Uint8Array;
  readonly resolve: (statement: Statement) => void;
  readonly reject: (error: unknown) => void;
}

export function createNotary(deps: NotaryDeps): Notary {
  const { self, systemId, signer, crypto, replica, table, now } = deps;
  const queue: Waiting[] = [];
  let signing = false;

  async function pump(): Promise<void> {
    signing = true;
    while (queue.length > 0) {
      const batch = queue.splice(0, MAX_RECEIPT_HEADERS);
      try {
        const at = Math.max(0, Math.floor(now()));
        const headers = batch.map(({ header }) => header);
        const statements = await signStatements(headers, { systemId, at }, { peerId: self, signer, crypto });
        for (const [i, { resolve }] of batch.entries()) resolve(statements[i] as Statement);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    signing = false;
  }

  function statementOf(header: Uint8Array): Promise<Statement> {
    return new Promise((resolve, reject) => {
      queue.push({ header, resolve, reject });
      if (!signing && queue.length === 1) queueMicrotask(() => void pump());
    });
  }

  async function signOne([namespace, key, partition, version]: VersionBody): Promise<ReceiptAnswer> {
    const held = await table.find({ namespace, key, partition: partition ?? key });
    if (!held || held.damaged) return { result: 'absent' };
    if (held.version !== version) return { result: 'replaced' };
    const { header } = held.record;
    const { at, size, index, path, signature } = await statementOf(header);
    return { result: 'signed', header, at, size, index, path, signature };
  }

  return {
    async sign({ records, ...placed }, from) {
      const admission = replica.admit(placed, from);
      const answers = await Promise.all(records.map(signOne));
      admission.confirm();
      return answers;
    },
  };
}
