/** What the Python client takes from the contract: the error table, the operations, the types of JSON answers. */
import { z } from 'zod';
import { contract } from '../../packages/protocol/src/contract/contract.ts';
import {
  ERRORS,
  type HeaderFields,
  type QueryFields,
  type Route,
  routeFields,
} from '../../packages/protocol/src/index.ts';
import { answerTypes } from './python-types.ts';

const generated = (what: string, source: string) =>
  `"""${what} Generated from ${source} by scripts/reference.ts: do not edit."""\n\nfrom __future__ import annotations\n`;
const text = (value: string) => JSON.stringify(value);

export function pythonErrors(): string {
  const entries = Object.entries(ERRORS).sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = entries.map(
    ([code, { status, retry, text: words }]) =>
      `    ${text(code)}: ErrorEntry(\n        ${status},\n        ${retry ? 'True' : 'False'},\n        ${text(words)},\n    ),`,
  );
  return `${generated('The one error table.', 'packages/protocol/src/errors/errors.ts')}
from collections.abc import Mapping
from typing import Final, NamedTuple


class ErrorEntry(NamedTuple):
    #: HTTP status.
    status: int
    #: Whether the same call may succeed later without a change by the caller.
    retry: bool
    #: What happened and what to do; \`\`{name}\`\` is filled from the error's details.
    text: str


ERRORS: Final[Mapping[str, ErrorEntry]] = {
${lines.join('\n')}
}
`;
}

export function pythonContract(): string {
  const lines = operations().map(([name, route]) => {
    const { method, path, output } = route;
    const repeatable = route.repeatable ?? (method === 'GET' || method === 'HEAD' || isKeyed(route));
    const params = routeFields(route).filter(({ place }) => place === 'path');
    const fields = [
      text(method),
      text(path),
      `(${params.map(({ name: param }) => `${text(param)},`).join(' ')})`,
      names(route, 'query'),
      names(route, 'header'),
      bodyType(route),
      output.kind === 'json' ? 'None' : dictionary(wireNames(output.headers)),
      repeatable ? 'True' : 'False',
    ];
    return `    ${text(name)}: Operation(\n${fields.map((field) => `        ${field},`).join('\n')}\n    ),`;
  });
  return `${generated('Every operation of the contract by its name.', 'packages/protocol/src/contract/contract.ts')}
from collections.abc import Mapping
from typing import Final, NamedTuple


class Operation(NamedTuple):
    method: str
    #: \`\`{name}\`\` is one segment, \`\`{name+}\`\` the rest.
    path: str
    params: tuple[str, ...]
    #: Name in code to name on the wire.
    query: Mapping[str, str]
    headers: Mapping[str, str]
    #: Content type of the request's body; None: it has none.
    body: str | None
    #: Fields that answer as headers beside the bytes; None: the answer is JSON.
    answer: Mapping[str, str] | None
    #: A repeat has no further effect.
    repeatable: bool


OPERATIONS: Final[Mapping[str, Operation]] = {
${lines.join('\n')}
}
`;
}

export function pythonAnswers(): string {
  const classes = operations().flatMap(([name, { output }]) => {
    if (output.kind !== 'json') return [];
    const schema = z.toJSONSchema(output.schema, { io: 'input', unrepresentable: 'any' });
    return answerTypes(name.split('.').map(capital).join(''), schema);
  });
  return `${generated('What operations answer as JSON.', 'packages/protocol/src/contract/contract.ts')}
from typing import Any, Literal, NotRequired, TypedDict

${classes.map((one) => `\n${one}`).join('\n')}`;
}

function operations(): [string, Route][] {
  return Object.entries<Readonly<Record<string, Route>>>(contract)
    .filter(([capability]) => capability !== 'dev' && capability !== 'session')
    .flatMap(([capability, routes]) =>
      Object.entries(routes).map(([name, route]): [string, Route] => [`${capability}.${name}`, route]),
    );
}

function isKeyed({ headers }: Route): boolean {
  return headers?.['idempotencyKey'] !== undefined;
}

function names(route: Route, place: 'query' | 'header'): string {
  const fields = routeFields(route).filter((field) => field.place === place);
  return dictionary(fields.map(({ name, wireName }) => [name, wireName]));
}

function wireNames(fields: HeaderFields | QueryFields): [string, string][] {
  return Object.entries(fields).map(([name, field]) => [name, 'name' in field ? String(field.name) : name]);
}

function dictionary(pairs: readonly (readonly [string, string])[]): string {
  return `{${pairs.map(([name, wire]) => `${text(name)}: ${text(wire)}`).join(', ')}}`;
}

function bodyType({ body }: Route): string {
  if (!body) return 'None';
  return text(body.kind === 'json' ? 'application/json' : (body.contentType ?? 'application/octet-stream'));
}

function capital(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}
