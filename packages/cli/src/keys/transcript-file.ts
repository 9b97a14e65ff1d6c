/** The transcript of a system's root in a file: verified whenever it is read, and before it is replaced. */
import { existsSync } from 'node:fs';
import {
  appendToTranscript,
  P2posError,
  type TranscriptEntry,
  type TranscriptReport,
  verifyTranscript,
} from '@p2pos/protocol';
import { replaceFile } from '../json-file.ts';
import { crypto } from '../keys.ts';
import { readText } from './key-file.ts';

/** @throws P2posError FILE_UNREADABLE, TRANSCRIPT_BROKEN, CEREMONY_SYSTEM */
export async function readTranscript(file: string, systemId?: string): Promise<TranscriptReport> {
  const report = await verifyTranscript(readText(file), crypto);
  if (systemId !== undefined && systemId !== report.systemId) {
    throw new P2posError('CEREMONY_SYSTEM', { found: report.systemId, expected: systemId });
  }
  return report;
}

/** Adds lines; what would break it is not written. */
export async function keepInTranscript(file: string, entries: readonly TranscriptEntry[]): Promise<void> {
  let text = existsSync(file) ? readText(file) : '';
  for (const entry of entries) text = appendToTranscript(text, entry, crypto);
  await verifyTranscript(text, crypto);
  replaceFile(file, text);
}
