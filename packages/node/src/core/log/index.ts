/**
 * Injected, never global. A line is a constant lower-case phrase plus fields; in the text form
 * `2026-11-21T01:02:03.000000000Z info  action=apply_snapshot_push result=applied epoch=4 msg="snapshot applied"`.
 * error = an operator must act · warn = may become that · info = rare state change · debug = each request.
 * Never payloads, keys, tokens or IP addresses of users.
 */
export type LogFields = { readonly action: string } & Readonly<Record<string, unknown>>;

export interface Logger {
  debug(fields: LogFields, phrase: string): void;
  info(fields: LogFields, phrase: string): void;
  warn(fields: LogFields, phrase: string): void;
  error(fields: LogFields, phrase: string): void;
  child(fields: Readonly<Record<string, unknown>>): Logger;
}

export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
