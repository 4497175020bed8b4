-- One row: the identity of this history, its latest seq, the latest time given to a change (it never
-- steps back by little, so created_seq and created_at grow together).
CREATE TABLE meta (
  id    INTEGER PRIMARY KEY CHECK (id = 1),
  epoch TEXT    NOT NULL,
  seq   INTEGER NOT NULL DEFAULT 0,
  clock INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Tenants, with the counters of their events. floor_seq: deletions up to here may be forgotten.
CREATE TABLE tenants (
  id        INTEGER PRIMARY KEY,
  name      TEXT    NOT NULL UNIQUE,
  pending   INTEGER NOT NULL DEFAULT 0,
  delivered INTEGER NOT NULL DEFAULT 0,
  failed    INTEGER NOT NULL DEFAULT 0,
  floor_seq INTEGER NOT NULL DEFAULT 0
) STRICT;

-- seq is that of the latest change. Times are milliseconds, 0: never. payload is last, so that a walk
-- that filters on the other columns does not read its pages.
CREATE TABLE events (
  created_seq  INTEGER PRIMARY KEY,
  seq          INTEGER NOT NULL,
  tenant       INTEGER NOT NULL,
  uuid         BLOB    NOT NULL UNIQUE,
  type         TEXT    NOT NULL,
  source       TEXT    NOT NULL,
  status       INTEGER NOT NULL, -- 1 pending, 2 delivered, 3 failed
  created_at   INTEGER NOT NULL,
  updated_at   INTEGER NOT NULL,
  attempts     INTEGER NOT NULL,
  attempted_at INTEGER NOT NULL,
  latency_ms   INTEGER NOT NULL, -- -1: not delivered
  error        TEXT    NOT NULL,
  payload      BLOB    NOT NULL
) STRICT;

-- Each index ends in the rowid, created_seq: a walk along it is in the order of the lists.
CREATE INDEX events_by_tenant ON events (tenant);
CREATE INDEX events_by_status ON events (tenant, status);
CREATE INDEX events_by_type   ON events (tenant, type);
CREATE INDEX events_by_source ON events (tenant, source);
CREATE UNIQUE INDEX events_by_seq ON events (tenant, seq);

-- The types a tenant ever used, so that a glob becomes a few exact types.
CREATE TABLE types (
  tenant INTEGER NOT NULL,
  type   TEXT    NOT NULL,
  PRIMARY KEY (tenant, type)
) STRICT, WITHOUT ROWID;

-- created_seq keeps the place of a deleted event in the lists: a reader may be paging behind it.
CREATE TABLE tombstones (
  seq         INTEGER PRIMARY KEY,
  created_seq INTEGER NOT NULL,
  tenant      INTEGER NOT NULL,
  uuid        BLOB    NOT NULL,
  type        TEXT    NOT NULL,
  deleted_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX tombstones_by_tenant ON tombstones (tenant);
CREATE INDEX tombstones_by_uuid   ON tombstones (uuid);

-- The receipts of a keyed append: consecutive seqs from first_seq, uuids of 16 bytes each.
CREATE TABLE idempotency (
  tenant       INTEGER NOT NULL,
  key          TEXT    NOT NULL,
  request_hash BLOB    NOT NULL,
  first_seq    INTEGER NOT NULL,
  created_at   INTEGER NOT NULL,
  uuids        BLOB    NOT NULL,
  PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (created_at);

-- minute: since the epoch.
CREATE TABLE minutes (
  tenant    INTEGER NOT NULL,
  minute    INTEGER NOT NULL,
  created   INTEGER NOT NULL,
  delivered INTEGER NOT NULL,
  failed    INTEGER NOT NULL,
  PRIMARY KEY (tenant, minute)
) STRICT, WITHOUT ROWID;
CREATE INDEX minutes_by_age ON minutes (minute);

-- bucket: see histogram.go.
CREATE TABLE latencies (
  tenant INTEGER NOT NULL,
  minute INTEGER NOT NULL,
  bucket INTEGER NOT NULL,
  count  INTEGER NOT NULL,
  PRIMARY KEY (tenant, minute, bucket)
) STRICT, WITHOUT ROWID;
CREATE INDEX latencies_by_age ON latencies (minute);

-- hour: since the epoch. type: of the latest event that failed so.
CREATE TABLE errors (
  tenant    INTEGER NOT NULL,
  hour      INTEGER NOT NULL,
  message   TEXT    NOT NULL,
  count     INTEGER NOT NULL,
  type      TEXT    NOT NULL,
  last_seen INTEGER NOT NULL,
  PRIMARY KEY (tenant, hour, message)
) STRICT, WITHOUT ROWID;
CREATE INDEX errors_by_age ON errors (hour);

-- scopes: separated by spaces. revoked_at 0: in force.
CREATE TABLE keys (
  number     INTEGER PRIMARY KEY,
  id         TEXT    NOT NULL UNIQUE,
  tenant     INTEGER NOT NULL REFERENCES tenants (id),
  name       TEXT    NOT NULL,
  hint       TEXT    NOT NULL,
  hash       BLOB    NOT NULL UNIQUE,
  scopes     TEXT    NOT NULL,
  created_at INTEGER NOT NULL,
  revoked_at INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX keys_by_tenant ON keys (tenant);
