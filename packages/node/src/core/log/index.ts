/**
 * Injected, never global. A line is a constant lower-case phrase plus fields; in the text form
 * `2026-11-21T01:02:03.000000000Z info  action=apply_snapshot_push result=applied epoch=4 msg="snapshot applied"`.
 * error = an operator must act · warn = may become that · info = rare state change · debug = each request.
 * Never payloads, keys, tokens or IP addresses of users.
 *
 * @example
 * const log = createLogger({ clock, destination: process.stdout }, { level: 'info', format: 'text' });
 * log.child({ node: 'node0' }).info({ action: 'apply_snapshot_push', epoch: 4 }, 'snapshot applied');
 */
export { createLogger, type LogConfig, type LogDeps, type LogLevel } from './logger.ts';
export { type LogFields, type Logger, silentLogger } from './port.ts';
