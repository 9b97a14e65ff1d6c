/** Letters between two: sessions opened with whoever is away, one per direction until both have met. */
import { decodeCbor, encodeCbor, P2posError } from '@p2pos/protocol';
import {
  accept,
  decrypt,
  encrypt,
  initiate,
  type Opening,
  type RatchetState,
  startReceiving,
  startSending,
} from '@p2pos/protocol/e2ee';
import type { Client } from '@p2pos/sdk';
import { checkDevice, type Device, lookUp } from './directory.ts';

/** Two may write first at once; more than that is a peer who begins anew. */
const MAX_SESSIONS = 4;

interface Session {
  ratchet: RatchetState;
  /** Sent along until the other has answered. */
  opening: Opening | undefined;
}

interface Letter {
  readonly from: string;
  readonly opening?: Opening;
  readonly message: Uint8Array;
}

export interface Sessions {
  seal(to: string, plaintext: Uint8Array): Promise<Uint8Array>;
  /** @throws P2posError E2EE_UNREADABLE, BAD_REQUEST for a sender who is not who they say */
  open(letter: Uint8Array): Promise<{ readonly from: string; readonly plaintext: Uint8Array }>;
}

export function createSessions(client: Client, device: Device, now: () => number): Sessions {
  const sessions = new Map<string, Session[]>();
  const openings = new Set<string>();
  let preKeys = device.preKeys;

  return {
    async seal(to, plaintext) {
      let session = sessions.get(to)?.find(({ ratchet }) => ratchet.sendingKey);
      if (!session) {
        const bundle = await lookUp(client, to, now());
        const { opening, ...agreed } = await initiate(device.identity, bundle);
        session = { ratchet: await startSending(agreed, bundle.signedPreKey), opening };
        remember(to, session);
      }
      const { state, message } = await encrypt(session.ratchet, plaintext);
      session.ratchet = state;
      const letter: Letter = {
        from: device.address,
        message,
        ...(session.opening && { opening: session.opening }),
      };
      return encodeCbor({ ...letter });
    },
    async open(bytes) {
      const { from, opening, message } = decodeCbor(bytes, { maxBytes: 65_536 }) as Letter;
      for (const session of sessions.get(from) ?? []) {
        const read = await decrypt(session.ratchet, message).catch(() => undefined);
        if (!read) continue;
        session.ratchet = read.state;
        session.opening = undefined;
        return { from, plaintext: read.plaintext };
      }
      const name = opening && Buffer.from(opening.ephemeralKey).toString('hex');
      if (!opening || !name || openings.has(name))
        throw new P2posError('E2EE_UNREADABLE', { reason: `no session with ${from} reads it` });
      await checkDevice(client, from, opening.signingKey, now());
      const { usedOneTime, ...agreed } = await accept(device.identity, preKeys, opening);
      const read = await decrypt(startReceiving(agreed, preKeys.signed), message);
      openings.add(name);
      const oneTime = preKeys.oneTime.filter(({ publicKey }) => publicKey !== usedOneTime);
      preKeys = { ...preKeys, oneTime };
      remember(from, { ratchet: read.state, opening: undefined });
      return { from, plaintext: read.plaintext };
    },
  };

  /** The newest first. */
  function remember(peer: string, session: Session): void {
    sessions.set(peer, [session, ...(sessions.get(peer) ?? [])].slice(0, MAX_SESSIONS));
  }
}
