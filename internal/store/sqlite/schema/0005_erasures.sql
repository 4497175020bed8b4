-- Payloads to be erased, of all events that match. An event whose payload is empty was erased. selection: JSON.
-- status: 1 running, 2 done. position: created_seq of the last event examined; until: of the last to examine.
CREATE TABLE erasures (
  number     INTEGER PRIMARY KEY,
  tenant     INTEGER NOT NULL,
  uuid       BLOB    NOT NULL UNIQUE,
  selection  TEXT    NOT NULL,
  status     INTEGER NOT NULL,
  position   INTEGER NOT NULL DEFAULT 0,
  until      INTEGER NOT NULL,
  examined   INTEGER NOT NULL DEFAULT 0,
  erased     INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX erasures_by_tenant ON erasures (tenant);
CREATE INDEX erasures_running   ON erasures (status) WHERE status = 1;
