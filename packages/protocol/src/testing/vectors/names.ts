/** Vectors of peer ids, system ids, times, durations and record versions. */
import {
  formatDuration,
  formatTimestamp,
  formatVersion,
  parseDuration,
  peerIdFromPublicKey,
  systemIdOf,
  toHex,
} from '../../index.ts';
import { testKey } from '../keys.ts';

const filled = (byte: number) => new Uint8Array(32).fill(byte);
const publicKeys = [
  filled(0),
  filled(0xff),
  testKey(1).publicKey,
  testKey(2).publicKey,
  Uint8Array.from({ length: 32 }, (_, index) => index * 7),
];
const peerId = peerIdFromPublicKey(testKey(1).publicKey);
const systemId = systemIdOf(filled(1));

export const idVectors = {
  peerIds: publicKeys.map((key) => ({ publicKey: toHex(key), peerId: peerIdFromPublicKey(key) })),
  refusedPeerIds: [
    { text: '', why: 'nothing' },
    { text: peerId.slice(0, -1), why: 'too short' },
    { text: `${peerId}1`, why: 'too long' },
    { text: `1${peerId}`, why: 'a zero byte more' },
    { text: ` ${peerId}`, why: 'a blank' },
    { text: `${peerId} `, why: 'a blank' },
    { text: `${peerId}\n`, why: 'a line end' },
    { text: `${peerId.slice(0, -1)}0`, why: 'a character that is no base58' },
    { text: `${peerId.slice(0, -1)}l`, why: 'a character that is no base58' },
    { text: '12D3KooWzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz', why: 'above the greatest key' },
    { text: '12D3KooW11111111111111111111111111111111111111111111', why: 'below the least key' },
    { text: 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N', why: 'the id of an RSA key' },
    { text: '16Uiu2HAkwq7FCiJmKfkfPnY4EyVoXTwJmW2dtH6RAA1kKVwR7FVq', why: 'the id of a secp256k1 key' },
    { text: 'bafzaajaiaejcbzdibmxyzdjbbehgvizh6g5tikvy47mshdy6gwbruvgwvd24seje', why: 'the id as a CID' },
  ],
  systemIds: [filled(0), filled(0xff), filled(1)].map((hash) => ({
    genesisHash: toHex(hash),
    systemId: systemIdOf(hash),
  })),
  refusedSystemIds: [
    { text: 'sys1', why: 'no hash' },
    { text: systemId.toUpperCase(), why: 'upper case' },
    { text: systemId.slice(0, -1), why: 'too short' },
    { text: `${systemId}a`, why: 'too long' },
    { text: `${systemId}====`, why: 'padding' },
    { text: `${systemId}\n`, why: 'a line end' },
    { text: `${systemId.slice(0, -1)}b`, why: 'stray bits at the end' },
    { text: systemId.replace('sys1', 'sys2'), why: 'another prefix' },
    { text: `${systemId.slice(0, -2)}1a`, why: 'a character that is no base32' },
  ],
};

const instants = [0, 1, 999, 951_782_400_000, 1_709_164_800_000, 1_763_686_923_004, 253_402_300_799_999];
const durations = ['0s', '1ms', '1500ms', '60s', '1m', '90m', '24h', '1d', '400d', '9007199254740991ms'];

export const timeVectors = {
  timestamps: instants.map((ms) => ({ ms, text: formatTimestamp(ms) })),
  /** Nanoseconds are kept by the text only. */
  truncated: [
    { text: '2026-11-21T01:02:03.000000001Z', ms: 1_795_222_923_000 },
    { text: '2026-11-21T01:02:03.004999999Z', ms: 1_795_222_923_004 },
  ],
  refusedTimestamps: [
    { text: '2026-11-21T01:02:03Z', why: 'no fraction' },
    { text: '2026-11-21T01:02:03.004Z', why: 'three digits of fraction' },
    { text: '2026-11-21T01:02:03.0040000000Z', why: 'ten digits of fraction' },
    { text: '2026-11-21T01:02:03.004000000+00:00', why: 'an offset' },
    { text: '2026-11-21t01:02:03.004000000z', why: 'lower case' },
    { text: '2026-11-21 01:02:03.004000000Z', why: 'a blank for the T' },
    { text: '2026-11-21T01:02:03.004000000Z\n', why: 'a line end' },
    { text: '2026-11-21T01:02:03,004000000Z', why: 'a comma' },
    { text: '2026-02-29T00:00:00.000000000Z', why: 'no leap year' },
    { text: '2026-04-31T00:00:00.000000000Z', why: 'a day that is not' },
    { text: '2026-00-01T00:00:00.000000000Z', why: 'a month that is not' },
    { text: '2026-13-01T00:00:00.000000000Z', why: 'a month that is not' },
    { text: '2026-11-00T00:00:00.000000000Z', why: 'a day that is not' },
    { text: '2026-11-21T24:00:00.000000000Z', why: 'an hour that is not' },
    { text: '2026-11-21T01:60:00.000000000Z', why: 'a minute that is not' },
    { text: '2026-12-31T23:59:60.000000000Z', why: 'a leap second' },
    { text: '2026-11-21T01:02:60.000000000Z', why: 'a second that is not' },
    { text: '1969-12-31T23:59:59.999999999Z', why: 'before 1970' },
    { text: '٢٠٢٦-11-21T01:02:03.004000000Z', why: 'digits of another script' },
  ],
  durations: durations.map((text) => {
    const ms = parseDuration(text);
    return { text, ms, shortest: formatDuration(ms) };
  }),
  refusedDurations: [
    '',
    '60',
    's',
    '1.5h',
    '-1s',
    '+1s',
    '01s',
    '1 s',
    '1S',
    '1w',
    '1h30m',
    '1s\n',
    '1e3s',
    '9999999999999999s',
    '999999999999999d',
  ].map((text) => ({ text })),
};

const author = (byte: number) => peerIdFromPublicKey(filled(byte));
const versions = [
  { ms: 0, counter: 0, author: author(0) },
  { ms: 0, counter: 0, author: author(0xff) },
  { ms: 0, counter: 65_535, author: author(0) },
  { ms: 1, counter: 0, author: author(0) },
  { ms: 1_763_686_923_004, counter: 1, author: peerId },
  { ms: 1_763_686_923_004, counter: 10, author: peerId },
  { ms: 1_763_686_923_004, counter: 256, author: peerId },
  { ms: 2 ** 48 - 1, counter: 65_535, author: author(0xff) },
];
const version = formatVersion(versions[4]!);

export const versionVectors = {
  /** In ascending order. */
  versions: versions.map((fields) => ({ ...fields, text: formatVersion(fields) })),
  refused: [
    { text: '', why: 'nothing' },
    { text: version.slice(0, 16), why: 'no author' },
    { text: version.toUpperCase(), why: 'upper case' },
    { text: version.replace('-', '_'), why: 'another separator' },
    { text: `0${version}`, why: 'a digit more' },
    { text: version.slice(1), why: 'a digit less' },
    { text: `${version}\n`, why: 'a line end' },
    { text: `${version.slice(0, 17)}${'x'.repeat(52)}`, why: 'an author that is no peer id' },
    { text: `"${version}"`, why: 'an etag' },
  ],
};
