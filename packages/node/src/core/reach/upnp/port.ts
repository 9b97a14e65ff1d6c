/** A router as the rest of the node sees it. */
export interface Mapping {
  readonly protocol: 'TCP' | 'UDP';
  /** Of this machine. */
  readonly port: number;
  readonly outerPort: number;
  /** 0: until it is taken back. */
  readonly leaseS: number;
}

export interface Waiting {
  readonly signal: AbortSignal;
}

export interface Router {
  /** What it calls itself, for people. */
  readonly name: string;
  /** This machine, as the router sees it. */
  readonly localHost: string;
  /** Its outer IPv4 address. @throws UpnpFailure */
  outerHost(options: Waiting): Promise<string>;
  /** A mapping of the same port that is ours already is renewed. @throws UpnpFailure */
  map(mapping: Mapping, options: Waiting): Promise<void>;
  /** @throws UpnpFailure */
  unmap(mapping: Pick<Mapping, 'protocol' | 'outerPort'>, options: Waiting): Promise<void>;
}

export interface PortMapper {
  /** The first router that can do it; undefined: none answered. */
  find(options: Waiting): Promise<Router | undefined>;
}
