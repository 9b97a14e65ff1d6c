/** What counted against the storage of an app at first: of what is alive the key and the value. */
const aliveBytesOf = (row: string) =>
  `CASE WHEN ${row}.tombstone THEN 0 ELSE length(${row}.key) + coalesce(length(${row}.value), 0) END`;
/**
 * What counts now: of what is deleted, or expired and let go, the key and a little more for as long as it is remembered. Else
 * whoever writes and deletes fills the disk for nothing.
 */
const bytesOf = (row: string) =>
  `length(${row}.key) + CASE WHEN ${row}.tombstone OR ${row}.value IS NULL THEN 64 ELSE length(${row}.value) END`;
/** What a row takes in the table and its indexes; the name stands in one of them too, the leaf in another. */
const spaceOf = (
  row: string,
) => `2 * length(${row}.namespace) + 2 * length(${row}.key) + 2 * length(${row}.partition)
  + length(${row}.version) + 2 * length(${row}.leaf) + length(${row}.header) + coalesce(length(${row}.value), 0)
  + length(${row}.proof) + 48`;

/** Tables of the records. A migration that was released is never changed. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE records (
    id INTEGER PRIMARY KEY,
    namespace TEXT NOT NULL,
    key BLOB NOT NULL,
    -- Empty when it equals the key.
    partition BLOB NOT NULL,
    replicas INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    version TEXT NOT NULL,
    -- RFC 9162 leaf hash of the header.
    leaf BLOB NOT NULL,
    tombstone INTEGER NOT NULL,
    expires_at INTEGER,
    header BLOB NOT NULL,
    -- Null: a tombstone, or expired and let go.
    value BLOB,
    proof BLOB NOT NULL,
    -- A read found bytes that do not fit their hash; the same version from another replica replaces them.
    damaged INTEGER NOT NULL DEFAULT 0,
    -- Of a tombstone: what it took the place of here.
    replaced_version TEXT,
    replaced_live INTEGER
  );
  CREATE UNIQUE INDEX records_by_key ON records (namespace, key, partition);
  CREATE INDEX records_by_slot ON records (replicas, slot, leaf);
  CREATE INDEX records_by_expiry ON records (expires_at) WHERE expires_at IS NOT NULL AND value IS NOT NULL;

  -- One row: no version at or above it was given so far.
  CREATE TABLE records_clock (id INTEGER PRIMARY KEY CHECK (id = 1), reserved_ms INTEGER NOT NULL);

  -- Epochs per slot, 32 bits big-endian each: see ring.ts.
  CREATE TABLE records_rings (
    replicas INTEGER PRIMARY KEY,
    head_hash BLOB NOT NULL,
    settled BLOB NOT NULL,
    closed BLOB NOT NULL
  );
  `,
  `
  -- Of registers: promised to a ballot that is greater than what was accepted.
  CREATE TABLE register_promises (
    namespace TEXT NOT NULL,
    key BLOB NOT NULL,
    partition BLOB NOT NULL,
    ballot TEXT NOT NULL,
    PRIMARY KEY (namespace, key, partition)
  );
  `,
  `
  -- The commit log: grows with every change of a row, in the order of commits; see ../watch.
  ALTER TABLE records ADD COLUMN position INTEGER NOT NULL DEFAULT 0;
  UPDATE records SET position = id;
  CREATE INDEX records_by_position ON records (position);

  -- Greatest positions of rows that are gone, by namespace, and under '' of all. Whoever follows from below may have missed them.
  CREATE TABLE records_log (namespace TEXT PRIMARY KEY, compacted INTEGER NOT NULL);
  INSERT INTO records_log VALUES ('', 0);
  CREATE TRIGGER records_gone AFTER DELETE ON records BEGIN
    UPDATE records_log SET compacted = max(compacted, OLD.position) WHERE namespace = '';
    INSERT INTO records_log VALUES (OLD.namespace, OLD.position)
      ON CONFLICT (namespace) DO UPDATE SET compacted = max(compacted, excluded.compacted);
  END;
  `,
  `
  -- For scans of one partition; costs nothing where keys are their own.
  CREATE INDEX records_by_partition ON records (namespace, partition, key) WHERE partition <> x'';
  `,
  `
  -- What marks a deletion, and what expired and was let go: few of many rows, looked for each minute.
  CREATE INDEX records_graves ON records (version, replicas, slot) WHERE tombstone = 1;
  CREATE INDEX records_let_go ON records (expires_at) WHERE tombstone = 0 AND value IS NULL;

  -- Sums over the rows of each namespace, so that nobody need read them all.
  CREATE TABLE records_sizes (
    namespace TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL,
    space INTEGER NOT NULL
  ) WITHOUT ROWID;
  INSERT INTO records_sizes
    SELECT namespace, sum(${aliveBytesOf('records')}), sum(${spaceOf('records')}) FROM records GROUP BY namespace;
  CREATE TRIGGER records_size_of_new AFTER INSERT ON records BEGIN
    INSERT INTO records_sizes VALUES (NEW.namespace, ${aliveBytesOf('NEW')}, ${spaceOf('NEW')})
      ON CONFLICT (namespace) DO UPDATE SET bytes = bytes + excluded.bytes, space = space + excluded.space;
  END;
  CREATE TRIGGER records_size_of_changed AFTER UPDATE OF tombstone, header, value, proof ON records BEGIN
    UPDATE records_sizes SET
      bytes = bytes + ${aliveBytesOf('NEW')} - ${aliveBytesOf('OLD')},
      space = space + length(NEW.header) + coalesce(length(NEW.value), 0) + length(NEW.proof)
        - length(OLD.header) - coalesce(length(OLD.value), 0) - length(OLD.proof)
      WHERE namespace = NEW.namespace;
  END;
  CREATE TRIGGER records_size_of_gone AFTER DELETE ON records BEGIN
    UPDATE records_sizes SET bytes = bytes - ${aliveBytesOf('OLD')}, space = space - (${spaceOf('OLD')})
      WHERE namespace = OLD.namespace;
  END;
  `,
  `
  DROP TRIGGER records_size_of_new;
  DROP TRIGGER records_size_of_changed;
  DROP TRIGGER records_size_of_gone;
  DELETE FROM records_sizes;
  INSERT INTO records_sizes
    SELECT namespace, sum(${bytesOf('records')}), sum(${spaceOf('records')}) FROM records GROUP BY namespace;
  CREATE TRIGGER records_size_of_new AFTER INSERT ON records BEGIN
    INSERT INTO records_sizes VALUES (NEW.namespace, ${bytesOf('NEW')}, ${spaceOf('NEW')})
      ON CONFLICT (namespace) DO UPDATE SET bytes = bytes + excluded.bytes, space = space + excluded.space;
  END;
  CREATE TRIGGER records_size_of_changed AFTER UPDATE OF tombstone, header, value, proof ON records BEGIN
    UPDATE records_sizes SET
      bytes = bytes + (${bytesOf('NEW')}) - (${bytesOf('OLD')}),
      space = space + length(NEW.header) + coalesce(length(NEW.value), 0) + length(NEW.proof)
        - length(OLD.header) - coalesce(length(OLD.value), 0) - length(OLD.proof)
      WHERE namespace = NEW.namespace;
  END;
  CREATE TRIGGER records_size_of_gone AFTER DELETE ON records BEGIN
    UPDATE records_sizes SET bytes = bytes - (${bytesOf('OLD')}), space = space - (${spaceOf('OLD')})
      WHERE namespace = OLD.namespace;
  END;
  `,
  `
  -- What is known to be damaged: nearly always nothing, looked for each minute.
  CREATE INDEX records_damaged ON records (id) WHERE damaged > 0;
  `,
];

/** Worked out where commits are made, one after the other, so positions are seen in their order. */
const NEXT_POSITION = `
  max((SELECT coalesce(max(position), 0) FROM records), (SELECT compacted FROM records_log WHERE namespace = '')) + 1`;

const INTO = `
  INSERT INTO records (namespace, key, partition, replicas, slot, version, leaf, tombstone, expires_at, header, value, proof, position)
`;
/**
 * The newer version wins; of two records with one version (their author erred) the greater leaf, on every replica. Where the
 * version of a row is not the one in its header, a bit has flipped, and nobody knows what is older: nothing takes its place
 * until it is mended, or its header, of the two, is known to be what is damaged (`damaged` is 2).
 */
const NEWER = `
  ON CONFLICT (namespace, key, partition) DO UPDATE SET
    version = excluded.version, leaf = excluded.leaf, tombstone = excluded.tombstone, expires_at = excluded.expires_at,
    header = excluded.header, value = excluded.value, proof = excluded.proof, damaged = 0,
    replicas = excluded.replicas, slot = excluded.slot, position = excluded.position,
    replaced_version = CASE WHEN excluded.tombstone THEN records.version END,
    replaced_live = CASE WHEN excluded.tombstone THEN
      records.tombstone = 0 AND (records.expires_at IS NULL OR records.expires_at > ?13) END
  WHERE ((excluded.version, excluded.leaf) > (records.version, records.leaf)
      AND (records.damaged = 2 OR instr(records.header, CAST(records.version AS BLOB)) > 0))
    OR (records.damaged AND excluded.version = records.version)`;
/** Where the statement before it, of the same transaction, took something away. */
export const REPLACE = `${INTO}
  SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ${NEXT_POSITION} WHERE changes() > 0 ${NEWER}`;
export const UPSERT = `${INTO} VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ${NEXT_POSITION}) ${NEWER}`;

/** Of a register: nothing below a ballot that was promised. */
export const ACCEPT = `${INTO}
  SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ${NEXT_POSITION} WHERE NOT EXISTS (
    SELECT 1 FROM register_promises p WHERE p.namespace = ?1 AND p.key = ?2 AND p.partition = ?3 AND p.ballot > ?6)
  ${NEWER}`;
/** What was accepted is a bound of its own. */
export const FORGET_PROMISE =
  'DELETE FROM register_promises WHERE namespace = ?1 AND key = ?2 AND partition = ?3 AND ballot <= ?4';

const FIELDS =
  'namespace, key, partition, version, leaf, header, value, proof, damaged, replaced_version, replaced_live';

export const SELECT_BY_KEY = `SELECT ${FIELDS} FROM records WHERE namespace = ? AND key = ? AND partition = ?`;
export const SELECT_BY_LEAF = `SELECT ${FIELDS} FROM records WHERE replicas = ? AND slot = ? AND leaf = ?`;
export const SELECT_LEAVES =
  'SELECT leaf FROM records WHERE replicas = ? AND slot = ? AND leaf > ? ORDER BY leaf LIMIT ?';

/** Steps from slot to slot in the index instead of reading all its rows. */
export const SELECT_SLOTS = `
  WITH RECURSIVE held (slot) AS (
    SELECT min(slot) FROM records WHERE replicas = ?1
    UNION ALL
    SELECT (SELECT min(slot) FROM records WHERE replicas = ?1 AND slot > held.slot) FROM held WHERE slot IS NOT NULL
  )
  SELECT slot FROM held WHERE slot IS NOT NULL`;

/**
 * Keys are compared as bytes, so no character of a prefix means anything but itself. Both ends are bounds of the index: an end
 * that only filters would walk through all the rest of the namespace.
 */
export const SELECT_KEYS = `
  SELECT key, partition, version, tombstone, expires_at FROM records
  WHERE namespace = ?1 AND (key, partition) >= (?2, ?3) AND key < ?4
  ORDER BY key, partition LIMIT ?5`;
/** The key that is the partition's own name is stored without it. */
export const SELECT_PARTITION = `
  SELECT key, partition, version, tombstone, expires_at FROM records
  WHERE namespace = ?1 AND partition = ?4 AND partition <> x'' AND key >= ?2 AND key < ?3
  UNION ALL
  SELECT key, partition, version, tombstone, expires_at FROM records
  WHERE namespace = ?1 AND key = ?4 AND partition = x'' AND key >= ?2 AND key < ?3
  ORDER BY key LIMIT ?5`;

export const DELETE_BY_LEAF = 'DELETE FROM records WHERE replicas = ? AND slot = ? AND leaf = ?';
/** By its bytes: of a text in which a bit has flipped nobody can name what lies there. */
export const DELETE_ROW = 'DELETE FROM records WHERE id = ? AND leaf = ? AND header = ?';
export const MARK_DAMAGED =
  'UPDATE records SET damaged = max(damaged, 1) WHERE namespace = ? AND key = ? AND partition = ? AND version = ?';
export const MARK_SLOT = 'UPDATE records SET damaged = max(damaged, 1) WHERE replicas = ? AND slot = ?';
export const SELECT_EXPIRED_VALUES =
  'SELECT id, namespace, key, partition, tombstone, expires_at, header FROM records WHERE expires_at <= ? AND value IS NOT NULL AND (expires_at, id) > (?, ?) ORDER BY expires_at, id LIMIT ?';
export const DROP_EXPIRED_VALUE = `
  UPDATE records SET value = NULL, position = ${NEXT_POSITION}
  WHERE id = ?1 AND expires_at <= ?2 AND value IS NOT NULL`;

export const SELECT_LOG_BOUNDS = `
  SELECT coalesce((SELECT compacted FROM records_log WHERE namespace = ?), 0) AS compacted,
    max((SELECT coalesce(max(position), 0) FROM records), (SELECT compacted FROM records_log WHERE namespace = '')) AS head`;
/** How far the next so many changes reach. */
export const SELECT_LOG_END = `
  SELECT max(position) AS position FROM (
    SELECT position FROM records WHERE position > ? ORDER BY position LIMIT ?)`;
export const SELECT_LOG = `SELECT ${FIELDS}, position FROM records
  WHERE position > ?1 AND position <= ?2 AND namespace = ?3 AND key >= ?4 AND (?5 IS NULL OR key < ?5)
  ORDER BY position LIMIT ?6`;

export const RESERVE_CLOCK =
  'INSERT INTO records_clock VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET reserved_ms = max(reserved_ms, excluded.reserved_ms)';
export const SELECT_CLOCK = 'SELECT reserved_ms FROM records_clock';
export const SAVE_RING = `
  INSERT INTO records_rings VALUES (?, ?, ?, ?) ON CONFLICT (replicas) DO UPDATE SET
    head_hash = excluded.head_hash, settled = excluded.settled, closed = excluded.closed`;
/** Snapshots of branches that lost and are needed: see placement/eras.ts. */
export const SIDES_MIGRATIONS: readonly string[] = [
  'CREATE TABLE records_sides (hash BLOB PRIMARY KEY, fork INTEGER NOT NULL) WITHOUT ROWID',
];
export const SELECT_SIDES = 'SELECT hash, fork FROM records_sides ORDER BY fork, hash';
export const DELETE_SIDES = 'DELETE FROM records_sides';
export const SAVE_SIDE = 'INSERT OR REPLACE INTO records_sides VALUES (?, ?)';
export const SELECT_RINGS = 'SELECT replicas, head_hash, settled, closed FROM records_rings';

/** In the order in which they came to this store. */
export const SELECT_NAMES = `
  SELECT id, namespace, key, partition FROM records
  WHERE namespace >= ? AND namespace < ? AND tombstone = 0 AND id > ? ORDER BY id LIMIT ?`;

export const SUM_BYTES =
  'SELECT sum(bytes) AS bytes FROM records_sizes WHERE namespace >= ? AND namespace < ?';
export const SELECT_SPACES = 'SELECT namespace, space FROM records_sizes WHERE space > 0';

/** Deleted, or expired and let go, for longer than is asked. */
export const SELECT_GRAVES = `
  SELECT replicas, slot, leaf FROM records
  WHERE tombstone = 1 AND version < ?2 AND (expires_at IS NULL OR expires_at < ?1)
  UNION ALL
  SELECT replicas, slot, leaf FROM records WHERE tombstone = 0 AND value IS NULL AND expires_at < ?1
  LIMIT ?3 OFFSET ?4`;

/** Alive, by slot: all but the dead, so that both are counted in an index. */
export const COUNT_BY_SLOT = `
  SELECT slot, sum(records) AS records FROM (
    SELECT slot, count(*) AS records FROM records INDEXED BY records_by_slot WHERE replicas = ?1 GROUP BY slot
    UNION ALL
    SELECT slot, -count(*) FROM records INDEXED BY records_graves WHERE tombstone = 1 AND replicas = ?1 GROUP BY slot
  ) GROUP BY slot`;
