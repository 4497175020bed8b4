-- What leaves a status, so that the counters can be reckoned back minute by minute. Rows of before have 0.
-- came to pending: created + reopened; gone for good: deleted (by hand) + expired (by retention or disk budget).
ALTER TABLE minutes ADD COLUMN reopened       INTEGER NOT NULL DEFAULT 0;
ALTER TABLE minutes ADD COLUMN deleted        INTEGER NOT NULL DEFAULT 0;
ALTER TABLE minutes ADD COLUMN expired        INTEGER NOT NULL DEFAULT 0;
ALTER TABLE minutes ADD COLUMN left_pending   INTEGER NOT NULL DEFAULT 0;
ALTER TABLE minutes ADD COLUMN left_delivered INTEGER NOT NULL DEFAULT 0;
ALTER TABLE minutes ADD COLUMN left_failed    INTEGER NOT NULL DEFAULT 0;

-- One deed done to all events that match. kind: 1 acknowledge. status: 1 running, 2 done, 3 stopped.
-- selection: JSON of apier.OperationSelection. position: created_seq of the last event examined, or, of a list of
-- ids, how many of them; until: of the last to examine. subject: who asked, as leases name their holder.
CREATE TABLE operations (
  number     INTEGER PRIMARY KEY,
  tenant     INTEGER NOT NULL,
  uuid       BLOB    NOT NULL UNIQUE,
  kind       INTEGER NOT NULL,
  selection  TEXT    NOT NULL,
  subject    TEXT    NOT NULL,
  status     INTEGER NOT NULL,
  position   INTEGER NOT NULL DEFAULT 0,
  until      INTEGER NOT NULL,
  total      INTEGER NOT NULL,
  done       INTEGER NOT NULL DEFAULT 0,
  skipped    INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX operations_by_tenant ON operations (tenant);
CREATE INDEX operations_running   ON operations (status) WHERE status = 1;

-- Whether an endpoint was deleted or never was.
CREATE INDEX endpoint_tombstones_by_uuid ON endpoint_tombstones (uuid);
