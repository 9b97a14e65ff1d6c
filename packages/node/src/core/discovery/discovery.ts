/** Keeps looking while a majority of the members is missing, less and less often; then rests until one is missing again. */
import { findAddresses, isP2posError, type TxtResolver } from '@p2pos/protocol';
import { type Clock, deadline } from '../clock/index.ts';
import type { Logger } from '../log/index.ts';
import type { Mesh } from '../mesh/index.ts';
import { jitter, type Random } from '../random/index.ts';
import { createTaskGroup } from '../tasks/index.ts';

export interface DiscoveryDeps {
  readonly resolver: TxtResolver;
  readonly mesh: Pick<Mesh, 'found'>;
  /** Whether too few members are connected to stop looking. */
  readonly isLooking: () => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface DiscoveryConfig {
  readonly domains: readonly { readonly domain: string; readonly peerId?: string | undefined }[];
  readonly initialDelayMs?: number;
  readonly maxDelayMs?: number;
}

export interface Discovery extends AsyncDisposable {
  /** Asks all domains now. Those that fail are left out. */
  look(signal: AbortSignal): Promise<void>;
}

const TIMEOUT_MS = 10_000;

export function createDiscovery(deps: DiscoveryDeps, config: DiscoveryConfig): Discovery {
  const { resolver, mesh, isLooking, clock, random } = deps;
  const { domains, initialDelayMs = 2_000, maxDelayMs = 300_000 } = config;
  const log = deps.log.child({ module: 'discovery' });
  const tasks = createTaskGroup({ clock, random, log });
  let wake: Disposable | undefined;
  let fruitless = 0;

  async function ask({ domain, peerId }: DiscoveryConfig['domains'][number], parent: AbortSignal) {
    try {
      using limit = deadline(clock, TIMEOUT_MS, { what: `DNS of ${domain}`, signal: parent });
      const addresses = await findAddresses(resolver, domain, { signal: limit.signal, peerId });
      log.debug({ action: 'dns_lookup', domain, found: addresses.length }, 'addresses looked up');
      mesh.found('dns', addresses);
    } catch (error) {
      if (parent.aborted) return;
      const reason = isP2posError(error) ? error.message : String(error);
      // Once is chance; an operator hears of a domain that goes on failing.
      const level = fruitless >= 3 ? 'warn' : 'debug';
      log[level]({ action: 'dns_lookup', domain, reason }, 'a domain could not be looked up');
    }
  }

  async function look(signal: AbortSignal): Promise<void> {
    await Promise.all(domains.map((domain) => ask(domain, signal)));
  }

  function again(): void {
    if (tasks.signal.aborted || domains.length === 0) return;
    const delayMs = isLooking()
      ? Math.min(maxDelayMs, initialDelayMs * 2 ** Math.min(fruitless, 30))
      : initialDelayMs;
    wake = clock.after(jitter(random, delayMs, 0.25), turn);
  }

  function turn(): void {
    if (!isLooking()) {
      fruitless = 0;
      again();
      return;
    }
    tasks.run('dns_lookup', async (signal) => {
      await look(signal);
      fruitless++;
      again();
    });
  }

  if (domains.length > 0) turn();
  return {
    look,
    async [Symbol.asyncDispose]() {
      wake?.[Symbol.dispose]();
      await tasks[Symbol.asyncDispose]();
    },
  };
}
