/** Which of the system's shares a record belongs to: the hash of its namespace and partition, and of nothing else. */
import { type Crypto, readU32 } from '@p2pos/protocol';

const DOMAIN = 'p2pos/slot/1\0';
const utf8 = new TextEncoder();

/**
 * The first four bytes, big-endian, of SHA-256(`p2pos/slot/1` ‖ 0x00 ‖ namespace ‖ 0x00 ‖ partition), modulo `slots`.
 * A namespace holds no NUL, so no two pairs share bytes.
 */
export function slotOf(
  crypto: Pick<Crypto, 'sha256'>,
  slots: number,
  namespace: string,
  partition: Uint8Array,
): number {
  const head = headOf(namespace);
  const input = new Uint8Array(head.length + partition.length);
  input.set(head);
  input.set(partition, head.length);
  return readU32(crypto.sha256(input), 0) % slots;
}

/** Namespaces are few; the bound only guards against peers that make them up. */
const MAX_HEADS = 1_024;
const heads = new Map<string, Uint8Array>();

function headOf(namespace: string): Uint8Array {
  let head = heads.get(namespace);
  if (!head) {
    head = utf8.encode(`${DOMAIN}${namespace}\0`);
    if (heads.size >= MAX_HEADS) heads.clear();
    heads.set(namespace, head);
  }
  return head;
}
