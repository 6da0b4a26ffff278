"""The tables of a ledger in SQLite, and how a ledger of an older version is brought up to date."""

from __future__ import annotations

from octopusx_video._ledger.states import ATTEMPT_STATES, JOB_STATES


def one_of(values: tuple[str, ...]) -> str:
    """Values in SQL, for a list of what is allowed."""
    return ", ".join(f"'{value}'" for value in values)


_FIRST = f"""
CREATE TABLE batch (
  id INTEGER PRIMARY KEY CHECK (id = 1),      -- a ledger in a file holds one batch
  created_at REAL NOT NULL,                   -- times are Unix seconds of this machine
  server TEXT NOT NULL,                       -- base URL
  account_salt TEXT NOT NULL,
  account TEXT NOT NULL,                      -- keyed hash of the API key, which itself is never stored
  shard TEXT,                                 -- "2/8", or NULL for all jobs
  max_paid INTEGER,                           -- the budget in videos, or NULL for none
  max_seconds REAL,                           -- the budget in seconds of video, or NULL for none
  paid INTEGER NOT NULL DEFAULT 0,            -- attempts that are or may be billed
  paid_seconds REAL NOT NULL DEFAULT 0,       -- the seconds of video of those
  stop INTEGER NOT NULL DEFAULT 0             -- 1 after `batch stop`, until the next run
) STRICT;

CREATE TABLE job (
  batch INTEGER NOT NULL DEFAULT 1,
  id TEXT NOT NULL,                           -- custom_id
  number INTEGER NOT NULL,                    -- the order in which jobs are sent
  operation TEXT NOT NULL,                    -- the contract's name of the submit
  source TEXT NOT NULL,                       -- the task that is continued
  fields TEXT NOT NULL,                       -- the other fields of the request's body, as JSON
  request TEXT NOT NULL,                      -- SHA-256 of the request: the same for the same request
  seconds REAL NOT NULL,                      -- seconds of video that the request adds
  name TEXT NOT NULL,                         -- the name of its file, without the ending
  state TEXT NOT NULL DEFAULT 'new' CHECK (state IN ({one_of(JOB_STATES)})),
  attempt INTEGER NOT NULL DEFAULT 0,         -- the last attempt, 0 for none
  task TEXT,                                  -- the id of the task that was paid for
  file TEXT,                                  -- the video, relative to the folder of the batch
  reason TEXT NOT NULL DEFAULT '',            -- why it is in this state, for people
  changed_at REAL NOT NULL,
  PRIMARY KEY (batch, id),
  UNIQUE (batch, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX job_by_state ON job (batch, state, number);
CREATE INDEX job_by_number ON job (batch, number, state);
CREATE INDEX job_by_request ON job (batch, request);

CREATE TABLE attempt (
  batch INTEGER NOT NULL DEFAULT 1,
  job TEXT NOT NULL,
  attempt INTEGER NOT NULL CHECK (attempt > 0),
  state TEXT NOT NULL CHECK (state IN ({one_of(ATTEMPT_STATES)})),
  run TEXT NOT NULL,                          -- the run that claimed it
  seconds REAL NOT NULL,
  sent_at REAL NOT NULL,                      -- when it was claimed, before the request was sent
  ended_at REAL,                              -- when its outcome was written down
  task TEXT,
  status INTEGER,                             -- HTTP status of the response, NULL where none arrived
  request_id TEXT,                            -- the gateway's id of the request
  reason TEXT NOT NULL DEFAULT '',
  possible_tasks TEXT NOT NULL DEFAULT '[]',  -- what may be the id of the task of a parked attempt, as JSON
  PRIMARY KEY (batch, job, attempt),          -- two claims of the same attempt: the second fails
  FOREIGN KEY (batch, job) REFERENCES job (batch, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX attempt_by_state ON attempt (batch, state);

CREATE TRIGGER attempt_stays BEFORE DELETE ON attempt
BEGIN SELECT RAISE(ABORT, 'attempts are never deleted'); END;

CREATE TABLE event (
  id INTEGER PRIMARY KEY,
  batch INTEGER NOT NULL DEFAULT 1,
  at REAL NOT NULL,
  job TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  before TEXT,                                -- NULL for a new job
  after TEXT NOT NULL,
  reason TEXT NOT NULL
) STRICT;

CREATE TRIGGER job_added AFTER INSERT ON job
BEGIN
  INSERT INTO event (batch, at, job, attempt, before, after, reason)
  VALUES (new.batch, new.changed_at, new.id, 0, NULL, new.state, new.reason);
END;

CREATE TRIGGER job_changed AFTER UPDATE OF state ON job WHEN old.state <> new.state
BEGIN
  INSERT INTO event (batch, at, job, attempt, before, after, reason)
  VALUES (new.batch, new.changed_at, new.id, new.attempt, old.state, new.state, new.reason);
END;
"""

MIGRATIONS: tuple[str, ...] = (_FIRST,)
"""What makes each version of the one before; the first makes version 1 of an empty database.

Each is run in one transaction. A released one never changes: another is added behind it.
"""
