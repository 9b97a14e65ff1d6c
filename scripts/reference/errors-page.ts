import { ERRORS } from '../../packages/protocol/src/index.ts';
import { code, page, table } from './markdown.ts';

const INTRODUCTION = `The same code travels between nodes, over HTTP (as \`{"code", "message", "details", "requestId"}\` with the status below), through
\`p2pctl\` and both SDKs. "Retry" means that the same call may succeed later without a change by the caller.
`;

export function errorsPage(): string {
  const rows = Object.entries(ERRORS)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { status, retry, text }]) => [code(name), String(status), retry ? 'yes' : '', text]);
  const body = `${INTRODUCTION}\n${table(['code', 'status', 'retry', 'what happened and what to do'], rows)}`;
  return page('Errors', 'packages/protocol/src/errors/errors.ts', body);
}
