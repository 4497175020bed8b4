-- One row for each start of a server, at the seq that the history had reached by then.
CREATE TABLE runs (
  number INTEGER PRIMARY KEY,
  id     TEXT    NOT NULL,
  seq    INTEGER NOT NULL
);
