-- Seqs are a tenant's own from here on. What meta.seq counts over all tenants stays inside: it numbers the rows
-- (events.created_seq, tombstones.seq, webhooks.seq, numbers of endpoints and deliveries), so that they stand in the
-- order of time, and it never leaves the store. All that was told before keeps its seq: each tenant goes on from the
-- head.
ALTER TABLE tenants ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
UPDATE tenants SET seq = (SELECT seq FROM meta);

-- The tenant's seq of a row whose number is another; NULL: its number. Where there is one tenant both are the same.
ALTER TABLE events              ADD COLUMN born_seq INTEGER;
ALTER TABLE tombstones          ADD COLUMN told_seq INTEGER;
ALTER TABLE endpoint_tombstones ADD COLUMN told_seq INTEGER;
ALTER TABLE webhooks            ADD COLUMN told_seq INTEGER;

-- from_seq: of a tenant's first change in a run. runs.seq is -1 from here on; before, it was the head of all tenants.
CREATE TABLE tenant_runs (
  tenant   INTEGER NOT NULL,
  run      INTEGER NOT NULL,
  from_seq INTEGER NOT NULL,
  PRIMARY KEY (tenant, run)
) STRICT, WITHOUT ROWID;
