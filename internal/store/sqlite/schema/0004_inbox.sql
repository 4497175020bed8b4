-- Consumer groups; the one without a name is the inbox itself. next_seq: every event created up to there
-- was handed out or not wanted (of the inbox unused: it follows the status). open counts its rows in
-- inbox_leases. types: a JSON array. Ids are never used again, since leases name them.
CREATE TABLE inbox_groups (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant     INTEGER NOT NULL,
  name       TEXT    NOT NULL,
  types      TEXT    NOT NULL,
  filter     TEXT    NOT NULL, -- JSON; '': none
  from_seq   INTEGER NOT NULL,
  next_seq   INTEGER NOT NULL,
  open       INTEGER NOT NULL DEFAULT 0,
  dropped    INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  UNIQUE (tenant, name)
) STRICT;

-- What was handed out and not acknowledged. event: its created_seq. due_at: when it may be handed out
-- again. holder '': nobody, it was given back. deliveries: hand-outs so far; it tells one lease of an event
-- from the next.
CREATE TABLE inbox_leases (
  group_id   INTEGER NOT NULL,
  event      INTEGER NOT NULL,
  due_at     INTEGER NOT NULL,
  holder     TEXT    NOT NULL,
  deliveries INTEGER NOT NULL,
  PRIMARY KEY (group_id, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX inbox_leases_by_due ON inbox_leases (group_id, due_at, event);
