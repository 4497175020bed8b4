-- The receiver's log. number counts those of its tenant and kind (verified or refused), so that the log is
-- bounded without counting rows. message: the header webhook-id. headers: a JSON object.
CREATE TABLE webhooks (
  seq         INTEGER PRIMARY KEY,
  tenant      INTEGER NOT NULL,
  uuid        BLOB    NOT NULL UNIQUE,
  received_at INTEGER NOT NULL,
  verified    INTEGER NOT NULL,
  number      INTEGER NOT NULL,
  status_code INTEGER NOT NULL,
  reason      TEXT    NOT NULL,
  endpoint    TEXT    NOT NULL,
  message     TEXT    NOT NULL,
  event_type  TEXT    NOT NULL,
  replayed    INTEGER NOT NULL,
  address     TEXT    NOT NULL,
  size        INTEGER NOT NULL,
  headers     TEXT    NOT NULL,
  body        BLOB    NOT NULL
) STRICT;

-- Each index ends in the rowid, seq: a walk along it is in the order of the log.
CREATE INDEX webhooks_by_tenant   ON webhooks (tenant);
CREATE INDEX webhooks_by_kind     ON webhooks (tenant, verified);
CREATE INDEX webhooks_by_endpoint ON webhooks (tenant, endpoint);
CREATE INDEX webhooks_by_message  ON webhooks (tenant, message);
