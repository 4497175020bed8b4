-- commits: of all transactions that changed something; the mark beside the database holds it too. Events created up to
-- unsummed_upto may lack their checksum, and those after unsummed_from are still to be given one.
ALTER TABLE meta ADD COLUMN commits       INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meta ADD COLUMN unsummed_from INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meta ADD COLUMN unsummed_upto INTEGER NOT NULL DEFAULT 0;
UPDATE meta SET unsummed_upto = seq;
-- checksum: of what never changes in an event, and its payload (CRC-32C); NULL: unknown.
ALTER TABLE events ADD COLUMN checksum INTEGER;
