/** What is measured: something that takes a message and hands it to its subscribers. */
export interface Candidate extends AsyncDisposable {
  readonly name: string;
  /** Processes that work for it besides this one. */
  readonly pids: readonly number[];
  /** Resolves when the message is handed over. */
  publish(data: Uint8Array): Promise<unknown>;
  /** `ms`: since it was published, where that is measured elsewhere. */
  subscribe(onMessage: (data: Uint8Array, ms?: number) => void): Promise<void>;
}
