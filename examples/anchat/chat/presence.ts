/** Who is here: each device says so every few seconds, signed, by pub/sub alone. Nothing is kept. */
import { decodeCbor, encodeCbor } from '@p2pos/protocol';
import { sign, verify } from '@p2pos/protocol/e2ee';
import type { Client } from '@p2pos/sdk';
import type { Device, Directory } from './directory.ts';
import { pause } from './pause.ts';
import { keyOf } from './wallet.ts';

const PURPOSE = 'anchat/here/1';
const EVERY_MS = 15_000;
const AWAY_AFTER_MS = 40_000;
const AGAIN_MS = 1_000;
const MAX_PEOPLE = 1_000;

export interface Presence {
  isHere(address: string): boolean;
  /** Called whenever somebody comes or goes. */
  onChange(listener: () => void): void;
  run(signal: AbortSignal): Promise<void>;
}

interface Beat {
  readonly address: string;
  readonly device: Uint8Array;
  readonly at: number;
  /** Who comes asks; who is here answers. */
  readonly asks: boolean;
  readonly signature: Uint8Array;
}

export interface PresenceDeps {
  readonly client: Pick<Client, 'pubsub'>;
  readonly directory: Pick<Directory, 'check'>;
  readonly device: Device;
}

export function createPresence({ client, directory, device }: PresenceDeps, now: () => number): Presence {
  const { publicKey, privateKey } = device.identity.signing;
  /** When a beat of theirs last came, by this device's clock; and the time in it, by theirs. */
  const heard = new Map<string, { readonly at: number; readonly said: number }>();
  let here = new Set<string>();
  let listener = () => {};
  let answered = 0;

  async function beat(asks: boolean): Promise<void> {
    const said = { address: device.address, device: publicKey, at: now(), asks };
    const bytes = encodeCbor({ ...said, signature: await sign(privateKey, signedBytes(said)) });
    await client.pubsub.publish(`here.${device.address}`, bytes).catch(() => {});
  }

  async function hear(bytes: Uint8Array): Promise<void> {
    const said = decodeCbor(bytes, { maxBytes: 512 }) as Beat;
    const { address, device: key, at, asks, signature } = said;
    if (address === device.address || !keyOf(address)) return;
    const before = heard.get(address);
    // One that was heard before tells nothing: whoever recorded it could send it again.
    if (!Number.isSafeInteger(at) || Math.abs(now() - at) > AWAY_AFTER_MS || at <= (before?.said ?? 0))
      return;
    if (!(await verify(key, signature, signedBytes(said)))) return;
    await directory.check(address, key);
    if (heard.size >= MAX_PEOPLE && !before) return;
    heard.set(address, { at: now(), said: at });
    refresh();
    if (asks && now() - answered > AGAIN_MS) {
      answered = now();
      await beat(false);
    }
  }

  function isHere(address: string): boolean {
    return address === device.address || now() - (heard.get(address)?.at ?? 0) < AWAY_AFTER_MS;
  }

  function refresh(): void {
    for (const address of heard.keys()) if (!isHere(address)) heard.delete(address);
    const next = new Set(heard.keys());
    if (next.size === here.size && [...next].every((address) => here.has(address))) return;
    here = next;
    listener();
  }

  return {
    isHere,
    onChange(next) {
      listener = next;
    },
    async run(signal) {
      const listen = async () => {
        while (!signal.aborted) {
          try {
            for await (const event of client.pubsub.subscribe('here.*', { signal }))
              if (event.type === 'message') await hear(event.data).catch(() => {});
              else if (event.type === 'open') void beat(true);
          } catch {
            await pause(AGAIN_MS, signal);
          }
        }
      };
      void listen();
      while (!signal.aborted) {
        await pause(EVERY_MS, signal);
        if (signal.aborted) return;
        refresh();
        await beat(false);
      }
    },
  };
}

function signedBytes({ address, device, at, asks }: Omit<Beat, 'signature'>): Uint8Array {
  return encodeCbor([PURPOSE, address, device, at, asks]);
}
