import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createTempFolder } from '../../../../node/src/testing/temp-folder.ts';
import { complete } from './completion.ts';
import { openHistory } from './history.ts';
import { isReading, takeStatements } from './script.ts';

const column = (name: string) => ({ name, type: '', notNull: false, primaryKey: 0, default: null });
const table = (name: string, ...columns: string[]) => ({
  name,
  kind: 'table' as const,
  sql: null,
  indexes: [],
  columns: columns.map(column),
});
const SCHEMA = { tables: [table('orders', 'id', 'price'), table('people', 'id', 'name')] };

test('completion knows tables after FROM, columns of the tables named, keywords in the case begun, and commands', () => {
  assert.deepEqual(complete('select * from o', SCHEMA), [['orders'], 'o']);
  assert.deepEqual(complete('INSERT INTO ', SCHEMA), [['orders', 'people'], '']);
  assert.deepEqual(complete('select na', SCHEMA)[0], ['name']);
  assert.deepEqual(complete('select * from orders where p', SCHEMA)[0], [
    'price',
    'people',
    'primary',
    'printf(',
  ]);
  assert.deepEqual(complete('select people.n', SCHEMA), [['people.name'], 'people.n']);
  assert.deepEqual(complete('sel', SCHEMA)[0], ['select']);
  assert.deepEqual(complete('SEL', SCHEMA)[0], ['SELECT']);
  assert.deepEqual(complete('.ta', SCHEMA), [['.tables'], '.ta']);
  assert.deepEqual(complete('.schema pe', SCHEMA), [['people'], 'pe']);
  assert.deepEqual(complete('select zz', SCHEMA), [[], 'zz']);
});

test('statements end at a semicolon that stands by itself', () => {
  assert.deepEqual(takeStatements("select ';'; select 1"), { whole: ["select ';'"], rest: ' select 1' });
  assert.deepEqual(takeStatements('select 1 -- ;\n;\n'), { whole: ['select 1 -- ;'], rest: '\n' });
  assert.deepEqual(takeStatements("select 'open;\n"), { whole: [], rest: "select 'open;\n" });
  const trigger = 'create trigger t after insert on a begin delete from b; delete from c; end';
  assert.deepEqual(takeStatements(`${trigger}; select 2;`), { whole: [trigger, 'select 2'], rest: '' });
  assert.ok(isReading('/* x */ -- y\n select 1'));
  assert.ok(!isReading('insert into t values (1)'));
});

test('history is kept in the order of entry, for nobody else to read', async () => {
  await using home = await createTempFolder();
  openHistory(home.path).keep(['newest', 'oldest']);
  assert.deepEqual(openHistory(home.path).lines, ['newest', 'oldest']);
  assert.equal(statSync(join(home.path, '.p2pos/sql-history')).mode & 0o777, 0o600);
});
