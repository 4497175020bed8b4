-- Where webhooks go. number: the seq of its creation, which no later one gets: deliveries outlive their endpoint. settings: JSON of what an operator sets, read whole. status: 1 active, 2 paused, 3 disabled.
-- pending, delivered, failed: counters of its deliveries. Times are milliseconds, 0: never.
CREATE TABLE endpoints (
  number          INTEGER PRIMARY KEY,
  tenant          INTEGER NOT NULL REFERENCES tenants (id),
  uuid            BLOB    NOT NULL UNIQUE,
  seq             INTEGER NOT NULL,
  settings        TEXT    NOT NULL,
  status          INTEGER NOT NULL,
  disabled_reason TEXT    NOT NULL DEFAULT '',
  hold_until      INTEGER NOT NULL DEFAULT 0,
  pending         INTEGER NOT NULL DEFAULT 0,
  delivered       INTEGER NOT NULL DEFAULT 0,
  failed          INTEGER NOT NULL DEFAULT 0,
  failures        INTEGER NOT NULL DEFAULT 0, -- in a row
  failing_since   INTEGER NOT NULL DEFAULT 0,
  last_success_at INTEGER NOT NULL DEFAULT 0,
  last_failure_at INTEGER NOT NULL DEFAULT 0,
  last_error      TEXT    NOT NULL DEFAULT '',
  created_at      INTEGER NOT NULL,
  updated_at      INTEGER NOT NULL
) STRICT;
CREATE INDEX endpoints_by_tenant ON endpoints (tenant);
CREATE UNIQUE INDEX endpoints_by_seq ON endpoints (tenant, seq);

-- Endpoints that were deleted: their changes are told as long as those of events.
CREATE TABLE endpoint_tombstones (
  seq        INTEGER PRIMARY KEY,
  tenant     INTEGER NOT NULL,
  uuid       BLOB    NOT NULL,
  deleted_at INTEGER NOT NULL
) STRICT;
CREATE INDEX endpoint_tombstones_by_tenant ON endpoint_tombstones (tenant);

-- expires_at 0: in force until another comes.
CREATE TABLE endpoint_secrets (
  number     INTEGER PRIMARY KEY,
  endpoint   INTEGER NOT NULL REFERENCES endpoints (number) ON DELETE CASCADE,
  secret     BLOB    NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX endpoint_secrets_by_endpoint ON endpoint_secrets (endpoint);

-- One event on its way to one endpoint. number grows in the order of creation. event: created_seq. status: 1 pending,
-- 2 delivered, 3 failed, 4 canceled. tries: attempts since it was last begun anew. due_at: of the next attempt, or, while
-- leased, when the lease ends; the largest number: another of its order_key goes first. fence: counts the leases.
CREATE TABLE deliveries (
  number       INTEGER PRIMARY KEY,
  seq          INTEGER NOT NULL,
  tenant       INTEGER NOT NULL,
  endpoint     INTEGER NOT NULL,
  endpoint_uuid BLOB   NOT NULL,
  event        INTEGER NOT NULL,
  event_uuid   BLOB    NOT NULL,
  event_type   TEXT    NOT NULL,
  status       INTEGER NOT NULL,
  attempts     INTEGER NOT NULL DEFAULT 0,
  tries        INTEGER NOT NULL DEFAULT 0,
  due_at       INTEGER NOT NULL,
  leased_until INTEGER NOT NULL DEFAULT 0,
  fence        INTEGER NOT NULL DEFAULT 0,
  order_key    TEXT    NOT NULL DEFAULT '',
  status_code  INTEGER NOT NULL DEFAULT 0,
  error_kind   TEXT    NOT NULL DEFAULT '',
  error        TEXT    NOT NULL DEFAULT '',
  created_at   INTEGER NOT NULL,
  updated_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX deliveries_due ON deliveries (endpoint, due_at) WHERE status = 1;
CREATE INDEX deliveries_in_order ON deliveries (endpoint, order_key) WHERE status = 1 AND order_key <> '';
CREATE INDEX deliveries_by_endpoint ON deliveries (endpoint, status);
CREATE INDEX deliveries_by_event ON deliveries (event);
CREATE UNIQUE INDEX deliveries_by_seq ON deliveries (tenant, seq);

-- detail: JSON of apier.Attempt without the body.
CREATE TABLE attempts (
  delivery   INTEGER NOT NULL,
  number     INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  detail     TEXT    NOT NULL,
  body       BLOB,
  PRIMARY KEY (delivery, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_by_age ON attempts (started_at) WHERE body IS NOT NULL;

-- Many deliveries sent again, at a rate. kind: 1 retry_failed, 2 replay. status: 1 running, 2 done, 3 stopped. types: JSON of globs.
-- position: how far it has come, the number of a delivery or the created_seq of an event.
CREATE TABLE recoveries (
  number     INTEGER PRIMARY KEY,
  seq        INTEGER NOT NULL,
  tenant     INTEGER NOT NULL,
  endpoint   INTEGER NOT NULL,
  source     INTEGER NOT NULL, -- 0: every event that matches
  kind       INTEGER NOT NULL,
  status     INTEGER NOT NULL,
  since      INTEGER NOT NULL,
  until      INTEGER NOT NULL,
  types      TEXT    NOT NULL,
  rate       REAL    NOT NULL,
  total      INTEGER NOT NULL,
  done       INTEGER NOT NULL DEFAULT 0,
  position   INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX recoveries_by_endpoint ON recoveries (endpoint);
CREATE INDEX recoveries_running ON recoveries (status) WHERE status = 1;
CREATE UNIQUE INDEX recoveries_by_seq ON recoveries (tenant, seq);
