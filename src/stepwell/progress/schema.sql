-- Progress of tasks in chunks, as the processes of this machine tell it. All times are milliseconds since 1970.
--
-- A row of summary is a task's plan. How many chunks are done, and with how many rows, is not kept in it but counted
-- from chunk, so that it is right whatever was told twice, late or never.
-- A row of chunk is the newest state of a chunk; its version is (attempts, finished_at).

CREATE TABLE summary (
  pipeline TEXT NOT NULL, run TEXT NOT NULL, task TEXT NOT NULL,
  chunks INTEGER NOT NULL, rows_planned INTEGER NOT NULL, lanes INTEGER NOT NULL, state TEXT NOT NULL,
  started_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
  PRIMARY KEY (pipeline, run, task)
) WITHOUT ROWID;

CREATE TABLE chunk (
  pipeline TEXT NOT NULL, run TEXT NOT NULL, task TEXT NOT NULL, chunk INTEGER NOT NULL,
  state TEXT NOT NULL, rows INTEGER NOT NULL, ms INTEGER NOT NULL, attempts INTEGER NOT NULL,
  lane INTEGER, error TEXT, finished_at INTEGER NOT NULL, -- 0: not yet
  PRIMARY KEY (pipeline, run, task, chunk)
) WITHOUT ROWID;
