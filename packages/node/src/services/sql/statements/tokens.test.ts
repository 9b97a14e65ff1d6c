import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { isP2posError } from '@p2pos/protocol';
import { checkParams, examine } from './examination.ts';
import { splitStatements } from './tokens.ts';

test('a script is cut at semicolons, but not within text, names, comments and triggers', () => {
  const script = `create table "a;b"(x); -- one; two
    insert into [a;b] values (';;' || 'it''s') /* ; */; create trigger t after insert on x begin
    update y set a = case when 1 then 2 end; delete from z; end; select 1`;
  const parts = splitStatements(script).map(({ text }) => text.slice(0, 14));
  assert.deepEqual(parts, ['create table "', 'insert into [a', 'create trigger', 'select 1']);
});

test('what a statement is, is known from its text', () => {
  const is = (sql: string) => {
    const { verb, reads, returning } = examine(sql);
    return [verb, reads, returning];
  };
  assert.deepEqual(is('/* x */ select 1;'), ['SELECT', true, false]);
  assert.deepEqual(is('with a as (select 1) insert into t select * from a returning x'), [
    'INSERT',
    false,
    true,
  ]);
  assert.deepEqual(is('with a as (delete_me) select * from a'), ['SELECT', true, false]);
  assert.deepEqual(is('explain query plan delete from t'), ['EXPLAIN', true, false]);
  assert.deepEqual(is('VALUES (1)'), ['VALUES', true, false]);
});

test('what reaches beyond a database, or beyond one statement, is refused', () => {
  const refused = (sql: string) =>
    assert.throws(
      () => examine(sql),
      (error) => isP2posError(error, 'SQL_REFUSED') || isP2posError(error, 'SQL_SYNTAX'),
      sql,
    );
  for (const sql of [
    "attach 'x' as y",
    'detach y',
    'pragma journal_mode=delete',
    'vacuum',
    "vacuum into 'x'",
    'begin',
    'commit',
    'savepoint a',
    'select 1; select 2',
    '',
    ' -- nothing',
    "select load_extension('x')",
    'select "load_extension"(1)',
    'select 1\0',
    'create temp table a(b)',
    'insert into temp.a values (1)',
    'select * from _p2pos_requests',
    'drop table "_P2POS_requests"',
    "delete from '_p2pos_requests'",
    'explain attach x as y',
    'nonsense',
    '\ud800',
    'explain query plan vacuum',
    'with x as (select 1)',
  ])
    refused(sql);
  assert.equal(examine("select ';', 'attach'").verb, 'SELECT');
});

test('what gives another result each time is found', () => {
  const chance = (sql: string) => examine(sql).chance !== undefined;
  for (const sql of [
    'insert into t values (random())',
    'insert into t values (current_timestamp)',
    "insert into t values (date('NOW'))",
    'insert into t values (datetime())',
    "insert into t values (strftime('%s'))",
    "select unixepoch( ' now ' )",
    "select strftime('%Y', 'now')",
    'create table t(a default current_date)',
    'select "random"()',
  ])
    assert.ok(chance(sql), sql);
  for (const sql of [
    "select date(a, '+1 day')",
    "select 'random()'",
    "select strftime('%Y', at)",
    'select random from t',
  ])
    assert.ok(!chance(sql), sql);
});

test('parameters are counted as SQLite counts them', () => {
  const wrong = (sql: string, params: readonly number[] | Record<string, number>) =>
    assert.throws(() => checkParams(examine(sql), params), { code: 'SQL_PARAMS_INVALID' });
  checkParams(examine("select ?, '?', ? -- ?"), [1, 2]);
  checkParams(examine('select ?2'), [1, 2]);
  checkParams(examine('select :a, @b, $c, :a'), { a: 1, b: 2, c: 3 });
  wrong('select ?', []);
  wrong('select ?', [1, 2]);
  wrong('select ?', { a: 1 });
  wrong('select :a', [1]);
  wrong('select :a', {});
  wrong('select :a', { a: 1, b: 2 });
  wrong('select :a, ?', [1]);
});

test('SQLite agrees about where a statement ends', () => {
  const db = new DatabaseSync(':memory:');
  for (const sql of [
    "select 'a;' as x",
    'select "x;y" from (select 1 as "x;y")',
    'select 0x1F, .5, 1e3, 1_000 /* ; */',
  ])
    assert.equal(db.prepare(examine(sql).sql).all().length, 1);
});
