/** Carries out jobs, in their order; neighbours that write to one database share a commit. */
import { adaptFile } from './adapting.ts';
import { type Database, openDatabase, replaceFile } from './database.ts';
import { failureOf } from './failure.ts';
import type { FileLimits, Job, JobAnswer, WriteJob } from './job.ts';

export interface Serving extends Disposable {
  /** @param onStart is told the id of each job before it runs */
  run(jobs: readonly Job[], onStart: (id: number) => void): JobAnswer[];
}

/** Bounds how long a commit takes. */
const MAX_GROUP = 512;

export function createServing(limits: FileLimits): Serving {
  const open = new Map<string, Database>();

  function databaseOf(file: string): Database {
    const known = open.get(file);
    if (known) return known;
    const database = openDatabase(file, limits);
    open.set(file, database);
    return database;
  }

  function single(job: Exclude<Job, { kind: 'write' }>): JobAnswer {
    const { id } = job;
    if (job.kind === 'close') {
      open.get(job.file)?.[Symbol.dispose]();
      open.delete(job.file);
      return { id };
    }
    if (job.kind === 'restore') {
      open.get(job.file)?.[Symbol.dispose]();
      open.delete(job.file);
      adaptFile(job.other, 'sqlite');
      replaceFile(job.file, job.other);
      return { id };
    }
    if (job.kind === 'adapt') return { id, rows: adaptFile(job.other, job.engine) };
    const database = databaseOf(job.file);
    try {
      if (job.kind === 'step') return { id, results: [database.step(job.statement)] };
      if (job.kind === 'begin') database.begin();
      if (job.kind === 'fence') database.fence(job.isUp);
      if (job.kind === 'commit' || job.kind === 'rollback') database.end(job.kind);
      if (job.kind === 'backup') {
        database.backup(job.other);
        return { id };
      }
      if (job.kind === 'query') return { id, rows: database.query(job.statement) };
      if (job.kind === 'status') return { id, status: database.status() };
      if (job.kind === 'forget') database.forget(job.before);
      return { id };
    } catch (error) {
      return { id, failure: database.failureOf(error) };
    }
  }

  /** The writes to one database that wait, up to one that closes it. What is read meanwhile was not promised an order. */
  function group(jobs: readonly Job[], from: number, done: ReadonlySet<number>): (Job & WriteJob)[] {
    const { file } = jobs[from] as Job;
    const writes: (Job & WriteJob)[] = [];
    for (let at = from; at < jobs.length && writes.length < MAX_GROUP; at++) {
      const job = jobs[at] as Job;
      if (job.file !== file || done.has(job.id)) continue;
      if (job.kind === 'close') break;
      if (job.kind === 'write') writes.push(job);
    }
    return writes;
  }

  return {
    run(jobs, onStart) {
      const answers: JobAnswer[] = [];
      const done = new Set<number>();
      for (const [at, job] of jobs.entries()) {
        if (done.has(job.id)) continue;
        const writes = job.kind === 'write' ? group(jobs, at, done) : [];
        for (const { id } of writes) done.add(id);
        try {
          if (job.kind !== 'write') {
            onStart(job.id);
            answers.push(single(job));
            continue;
          }
          const outcomes = databaseOf(job.file).write(writes, (index) => onStart(writes[index]?.id ?? 0));
          for (const [index, { id }] of writes.entries()) answers.push({ id, ...outcomes[index] });
        } catch (error) {
          for (const { id } of writes.length > 0 ? writes : [job])
            answers.push({ id, failure: failureOf(error, undefined) });
        }
      }
      return answers;
    },
    [Symbol.dispose]() {
      for (const database of open.values()) database[Symbol.dispose]();
      open.clear();
    },
  };
}
