/**
 * Asks for a certificate, renews it in time, and keeps the old one as long as it is valid when that fails. One that was issued
 * is served whether or not it can be written: authorities give few a week, so none is thrown away.
 */
import { P2posError } from '@p2pos/protocol';
import { type Clock, deadline } from '../clock/index.ts';
import type { Logger } from '../log/index.ts';
import { jitter, type Random } from '../random/index.ts';
import { createTaskGroup } from '../tasks/index.ts';

export type AutoTlsMode = 'auto' | 'on' | 'off';

export interface Certificate {
  /** The chain in PEM, its own key first. */
  readonly pem: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** ACME (RFC 8555) behind a registration endpoint, for instance. */
export interface Issuer {
  /** Certificates are for all names right under this one. */
  readonly name: string;
  issue(signal: AbortSignal): Promise<Certificate>;
}

export interface KeptCertificate {
  /** Undefined: there is none, or none that can be used. */
  read(): Promise<Certificate | undefined>;
  write(certificate: Certificate): Promise<void>;
}

export interface AutoTls extends AsyncDisposable {
  /** A valid one; undefined: none. */
  current(): Certificate | undefined;
  /** Why there is none, why the last renewal failed, or why it would not outlive a restart; undefined: all is well. */
  problem(): string | undefined;
}

export interface AutoTlsDeps {
  readonly issuer: Issuer;
  /** The newest one over restarts: authorities give few a week. */
  readonly kept: KeptCertificate;
  /** Takes each one into use. */
  readonly serve: (certificate: Certificate) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const ISSUE_TIMEOUT_MS = 120_000;
const MIN_RETRY_MS = 60_000;
const MAX_RETRY_MS = 6 * 3_600_000;
/** Costs nobody but this disk anything. */
const MAX_REWRITE_MS = 15 * 60_000;

/** @throws P2posError AUTO_TLS_UNAVAILABLE in mode `on` when there is no certificate */
export async function createAutoTls(
  { issuer, kept, serve, clock, random, log }: AutoTlsDeps,
  { mode }: { readonly mode: AutoTlsMode },
): Promise<AutoTls> {
  await using starting = new AsyncDisposableStack();
  const tasks = starting.use(createTaskGroup({ clock, random, log }));
  let held: Certificate | undefined;
  let problem: string | undefined;
  let timer: Disposable | undefined;
  let failures = 0;
  /** Of `held`, which is written again until it is on disk. */
  let unkept: { readonly reason: string; readonly failures: number; readonly timer: Disposable } | undefined;

  const isValid = ({ notBeforeMs, notAfterMs }: Certificate) =>
    notBeforeMs <= clock.now() && clock.now() < notAfterMs;

  async function issue(signal: AbortSignal): Promise<void> {
    using limit = deadline(clock, ISSUE_TIMEOUT_MS, { what: 'The certificate', signal });
    const issued = await issuer.issue(limit.signal);
    if (!isValid(issued)) throw new Error('the certificate that was issued is not valid now');
    take(issued);
    log.info({ action: 'certificate', notAfterMs: issued.notAfterMs }, 'certificate issued');
    unkept?.timer[Symbol.dispose]();
    unkept = undefined;
    await keep(issued);
  }

  async function keep(certificate: Certificate): Promise<void> {
    const before = unkept?.failures ?? 0;
    try {
      await kept.write(certificate);
      if (certificate === held) unkept = undefined;
    } catch (error) {
      // Another was issued meanwhile.
      if (certificate !== held) return;
      log.warn(
        { action: 'certificate_keep', error },
        'the certificate could not be written, and would not outlive a restart',
      );
      const delayMs = jitter(random, Math.min(MAX_REWRITE_MS, MIN_RETRY_MS * 2 ** before));
      unkept = {
        reason: `it is served, and could not be written: ${error instanceof Error ? error.message : String(error)}`,
        failures: before + 1,
        timer: clock.after(delayMs, () => tasks.run('certificate_keep', () => keep(certificate))),
      };
    }
  }

  function take(certificate: Certificate): void {
    held = certificate;
    problem = undefined;
    failures = 0;
    serve(certificate);
  }

  function plan(delayMs: number): void {
    timer?.[Symbol.dispose]();
    timer = clock.after(delayMs, () => tasks.run('certificate', attempt));
  }

  async function attempt(signal: AbortSignal): Promise<void> {
    try {
      await issue(signal);
      planRenewal();
    } catch (error) {
      if (signal.aborted) return;
      problem = error instanceof Error ? error.message : String(error);
      log.warn({ action: 'certificate', failures, error }, 'no certificate was issued; it is tried again');
      plan(jitter(random, Math.min(MAX_RETRY_MS, MIN_RETRY_MS * 2 ** failures++)));
    }
  }

  /** With a third of its life left. */
  function planRenewal(): void {
    if (held)
      plan(Math.max(MIN_RETRY_MS, held.notAfterMs - (held.notAfterMs - held.notBeforeMs) / 3 - clock.now()));
  }

  const before = mode === 'off' ? undefined : await kept.read();
  if (before && isValid(before)) {
    take(before);
    planRenewal();
  } else if (mode === 'on') {
    try {
      await issue(tasks.signal);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new P2posError('AUTO_TLS_UNAVAILABLE', { reason }, { cause: error });
    }
    planRenewal();
  } else if (mode === 'auto') {
    problem = 'it is being asked for';
    tasks.run('certificate', attempt);
  }
  const started = starting.move();
  return {
    current: () => (held && isValid(held) ? held : undefined),
    problem: () => problem ?? unkept?.reason,
    async [Symbol.asyncDispose]() {
      timer?.[Symbol.dispose]();
      unkept?.timer[Symbol.dispose]();
      await started.disposeAsync();
    },
  };
}
