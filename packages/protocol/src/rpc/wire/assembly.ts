/** A body that arrives in several frames, in memory that was reserved for it. */
import type { Account, RpcLimits } from '../session/account.ts';
import { ProtocolFault } from './frame.ts';
import { ownMemory } from './memory.ts';

export interface Assembly {
  readonly bytes: Uint8Array;
  received: number;
}

export interface Assembler {
  /** Undefined: the peer, or all peers together, have too much under way. */
  begin(bodyBytes: number): Assembly | undefined;
  /** Gives the reservation back. */
  end(assembly: Assembly): void;
}

export function createAssembler(
  { account, inAll }: { readonly account: Account; readonly inAll: { receivingBytes: number } },
  limits: Pick<RpcLimits, 'maxReceivingBytes' | 'maxReceivingBytesInAll'>,
): Assembler {
  return {
    begin(bodyBytes) {
      if (account.receivingBytes + bodyBytes > limits.maxReceivingBytes) return undefined;
      if (inAll.receivingBytes + bodyBytes > limits.maxReceivingBytesInAll) return undefined;
      account.receivingBytes += bodyBytes;
      inAll.receivingBytes += bodyBytes;
      return { bytes: ownMemory(bodyBytes), received: 0 };
    },
    end(assembly) {
      account.receivingBytes -= assembly.bytes.length;
      inAll.receivingBytes -= assembly.bytes.length;
    },
  };
}

/** Where the next `length` bytes go. @throws ProtocolFault */
export function placeIn(assembly: Assembly, length: number): Uint8Array {
  const { bytes, received } = assembly;
  if (length === 0 || received + length > bytes.length)
    throw new ProtocolFault('its parts do not fit the body');
  return bytes.subarray(received, received + length);
}

/** @throws ProtocolFault */
export function append(assembly: Assembly, part: Uint8Array): void {
  placeIn(assembly, part.length).set(part);
  assembly.received += part.length;
}
