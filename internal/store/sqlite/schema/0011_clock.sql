-- trusted: the time of the latest commit by a clock that does not jump. held_from: when a jump of more than a day was
-- believed; 0: never. Nothing leaves by age before its retention has passed since then.
ALTER TABLE meta ADD COLUMN trusted   INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meta ADD COLUMN held_from INTEGER NOT NULL DEFAULT 0;
UPDATE meta SET trusted = clock;
