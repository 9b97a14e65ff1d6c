import assert from 'node:assert/strict';
import { test } from 'node:test';
import { P2posError } from '@p2pos/protocol';
import fc from 'fast-check';
import { createLogger, type LogConfig } from './index.ts';

function collect(config: Partial<LogConfig> = {}) {
  const lines: string[] = [];
  const clock = { now: () => Date.UTC(2026, 10, 21, 1, 2, 3, 4) };
  const destination = { write: (line: string) => lines.push(line) };
  return { lines, log: createLogger({ clock, destination }, { level: 'debug', format: 'text', ...config }) };
}

test('P17: the text form has time in nanoseconds, level, action, fields and phrase', () => {
  const { log, lines } = collect();
  log
    .child({ node: 'node0' })
    .info({ action: 'apply_snapshot_push', result: 'applied', epoch: 4 }, 'snapshot applied');
  assert.deepEqual(lines, [
    '2026-11-21T01:02:03.004000000Z info  action=apply_snapshot_push node=node0 result=applied epoch=4 msg="snapshot applied"\n',
  ]);
});

test('the JSON form has the same fields', () => {
  const { log, lines } = collect({ format: 'json' });
  log.warn({ action: 'x', size: 3, list: ['a'], gone: undefined }, 'a phrase');
  assert.deepEqual(JSON.parse(lines[0] ?? ''), {
    time: '2026-11-21T01:02:03.004000000Z',
    level: 'warn',
    action: 'x',
    size: 3,
    list: ['a'],
    msg: 'a phrase',
  });
});

test('lines under the level are not written', () => {
  const { log, lines } = collect({ level: 'warn' });
  log.debug({ action: 'a' }, 'a');
  log.child({}).info({ action: 'b' }, 'b');
  log.warn({ action: 'c' }, 'c');
  log.error({ action: 'd' }, 'd');
  assert.deepEqual(
    lines.map((line) => line.split(' ')[1]),
    ['warn', 'error'],
  );
});

test('errors of ours are code and message; others keep their stack; causes are told', () => {
  const { log, lines } = collect();
  log.error({ action: 'x', error: new P2posError('OVERLOADED', { what: 'The store' }) }, 'failed');
  assert.match(
    lines[0] ?? '',
    / error="OVERLOADED: The store has too much in flight\. [^"]+" msg="failed"\n$/,
  );
  log.error({ action: 'x', error: new TypeError('boom', { cause: new Error('fuse') }) }, 'failed');
  assert.match(lines[1] ?? '', / error="TypeError: boom \(cause: fuse\)" stack="TypeError: boom\\n {4}at /);
});

test('bytes, tokens and secrets are never written', () => {
  for (const format of ['text', 'json'] as const) {
    const { log, lines } = collect({ format });
    const token = `p2pos_${'A'.repeat(43)}`;
    log.info(
      {
        action: 'x',
        value: new Uint8Array([65, 65]),
        note: `got ${token}`,
        passphrase: 'horse',
        inner: { token: 'x7', deep: { seed: 'y7' } },
      },
      'x',
    );
    assert.doesNotMatch(lines[0] ?? '', /AAAA|horse|x7|y7/);
    assert.match(lines[0] ?? '', /2 bytes/);
  }
});

test('what cannot be shown does not throw', () => {
  const { log, lines } = collect();
  const ring: Record<string, unknown> = {};
  ring['self'] = ring;
  log.info(
    { action: 'x', ring, big: 2n ** 70n, nan: Number.NaN, none: null, fn: Symbol('s'), nested: { big: 1n } },
    'x',
  );
  assert.equal(lines.length, 1);
});

test('no value can begin a line, forge a field or move the cursor', () => {
  const anything = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('a\nb', '\u001b[2J', 'x" action=y msg="z', '\u202eabc', '\u0085'),
    fc.jsonValue(),
  );
  fc.assert(
    fc.property(anything, fc.constantFrom('text', 'json'), (value, format) => {
      const { log, lines } = collect({ format: format as LogConfig['format'] });
      log.info({ action: 'x', value }, 'phrase');
      const [line = ''] = lines;
      assert.equal(line.indexOf('\n'), line.length - 1);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not get through
      assert.doesNotMatch(line.slice(0, -1), /[\u0000-\u001f]/);
      assert.doesNotMatch(line.slice(0, -1), /[\u007f-\u009f\u2028-\u202e]/);
      if (format === 'json') return void JSON.parse(line);
      // Outside of quotes there are exactly the three fields.
      const outside = line.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""');
      assert.deepEqual(outside.match(/\w+=/g), ['action=', 'value=', 'msg=']);
    }),
  );
});

test('a long value is cut and says how long it was', () => {
  const { log, lines } = collect();
  log.info({ action: 'x', value: 'y'.repeat(10_000) }, 'x');
  assert.ok((lines[0] ?? '').length < 2_300);
  assert.match(lines[0] ?? '', /\(10000 characters\)/);
});
