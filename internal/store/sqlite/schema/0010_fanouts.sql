-- Events whose deliveries are not all made yet: a huge batch gets them in slices, after its commit, in the order of the
-- events. targets: who gets it, by number, with the order keys (fanout.go). done: how many have their delivery.
CREATE TABLE fanouts (
  event   INTEGER PRIMARY KEY, -- created_seq
  tenant  INTEGER NOT NULL,
  targets BLOB    NOT NULL,
  done    INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX fanouts_by_tenant ON fanouts (tenant);
