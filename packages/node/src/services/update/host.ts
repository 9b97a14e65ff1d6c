/** What updates need of the machine; the process passes it (`process/installation/update-host.ts`), tests pass a stub. */
import type { ReleaseArtefact } from '@p2pos/protocol';

export interface Trial {
  readonly version: string;
  /** What is gone back to. */
  readonly from: string;
}

export interface UpdateHost {
  /** `linux-x64` */
  readonly platform: string;
  /** Why this installation cannot replace itself; undefined: it can. */
  readonly unsupported: string | undefined;
  /** This process is the new version, and has not been found good yet. */
  trial(): Promise<Trial | undefined>;
  /** A version that was gone back from, until it is forgotten or another is activated. */
  failure(): Promise<{ readonly version: string; readonly reason: string } | undefined>;
  /** The failure was told; the version may be tried again. */
  forget(): Promise<void>;
  has(artefact: ReleaseArtefact): Promise<boolean>;
  /** Undefined: not here. */
  read(sha256: Uint8Array, offset: number, maxBytes: number): Promise<Uint8Array | undefined>;
  /** Keeps it once size and hash are right. @throws P2posError RELEASE_ARTEFACT */
  keep(artefact: ReleaseArtefact, version: string, chunks: AsyncIterable<Uint8Array>): Promise<void>;
  fetch(url: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Unpacks what is kept and sees whether it starts at all. @throws P2posError RELEASE_ARTEFACT */
  stage(artefact: ReleaseArtefact, version: string): Promise<void>;
  /** The next start runs it, on trial. */
  activate(version: string): Promise<void>;
  /** The trial is over; it stays. */
  confirm(): Promise<void>;
  /** Ends this process in order, to be started anew. */
  restart(): void;
}
