/** What the table says of one error. */
export interface ErrorEntry {
  /** HTTP status. */
  readonly status: number;
  /** Whether the same call may succeed later without a change by the caller. */
  readonly retry: boolean;
  /** What happened and what to do. `{name}` is filled from the error's details. */
  readonly text: string;
}
