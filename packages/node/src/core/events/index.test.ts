import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEmitter } from './index.ts';

type Map = { 'peer:joined': string; 'peer:left': string };

function setup() {
  const errors: unknown[] = [];
  return { errors, events: createEmitter<Map>((error) => errors.push(error)) };
}

test('each listener of an event gets its value, in the order in which they came', () => {
  const { events } = setup();
  const heard: string[] = [];
  events.on('peer:joined', (peer) => heard.push(`first ${peer}`));
  events.on('peer:joined', (peer) => heard.push(`second ${peer}`));
  events.on('peer:left', () => heard.push('left'));
  events.emit('peer:joined', 'a');
  assert.deepEqual(heard, ['first a', 'second a']);
});

test('one that throws is reported and does not stop the others', () => {
  const { events, errors } = setup();
  const heard: string[] = [];
  events.on('peer:joined', () => {
    throw new Error('boom');
  });
  events.on('peer:joined', (peer) => heard.push(peer));
  events.emit('peer:joined', 'a');
  assert.deepEqual(heard, ['a']);
  assert.match(String(errors[0]), /boom/);
});

test('a disposed listener hears no more, even when another one disposed it just now', () => {
  const { events } = setup();
  const heard: string[] = [];
  events.on('peer:joined', () => second[Symbol.dispose]());
  const second = events.on('peer:joined', (peer) => heard.push(peer));
  events.emit('peer:joined', 'a');
  assert.deepEqual(heard, []);
});

test('one that comes while an event is told hears the next one', () => {
  const { events } = setup();
  const heard: string[] = [];
  events.on('peer:joined', () => {
    if (heard.length === 0) events.on('peer:joined', (peer) => heard.push(peer));
  });
  events.emit('peer:joined', 'a');
  assert.deepEqual(heard, []);
  events.emit('peer:joined', 'b');
  assert.deepEqual(heard, ['b']);
});

test('the same function listening twice ends once by each subscription', () => {
  const { events } = setup();
  let calls = 0;
  const listener = () => void calls++;
  const first = events.on('peer:joined', listener);
  events.on('peer:joined', listener);
  events.emit('peer:joined', 'a');
  assert.equal(calls, 2);
  first[Symbol.dispose]();
  events.emit('peer:joined', 'a');
  assert.equal(calls, 3);
});
