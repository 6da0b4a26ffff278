"""The tables of a ledger in PostgreSQL: those of a ledger in a file, and what several workers share."""

from __future__ import annotations

from octopusx_video._ledger.schema import one_of
from octopusx_video._ledger.states import ATTEMPT_STATES, JOB_STATES, SENDABLE, UNFINISHED

_FIRST = f"""
CREATE FUNCTION unix_now() RETURNS double precision LANGUAGE sql VOLATILE
AS $$ SELECT extract(epoch FROM clock_timestamp())::double precision $$;

CREATE TABLE batch (
  id integer PRIMARY KEY CHECK (id = 1),      -- a schema holds one batch
  created_at double precision NOT NULL,       -- times are Unix seconds of the database
  server text NOT NULL,                       -- base URL
  account_salt text NOT NULL,
  account text NOT NULL,                      -- keyed hash of the API key, which itself is never stored
  shard text,                                 -- always NULL; a ledger in a file has it
  max_paid integer,                           -- the budget in videos, or NULL for none
  max_seconds double precision,               -- the budget in seconds of video, or NULL for none
  paid integer NOT NULL DEFAULT 0,            -- attempts that are or may be billed
  paid_seconds double precision NOT NULL DEFAULT 0,
  stop integer NOT NULL DEFAULT 0,            -- 1 after `batch stop`, until the next run
  stop_reason text NOT NULL DEFAULT '',
  contract text NOT NULL DEFAULT '',          -- the version of the contract that the jobs were checked with
  concurrency integer NOT NULL DEFAULT 8,     -- submits and downloads at once, of all workers
  send_interval double precision NOT NULL DEFAULT 0, -- seconds between two submits, of all workers
  next_send_at double precision NOT NULL DEFAULT 0,  -- no submit is claimed before, by the rate
  paused_until double precision NOT NULL DEFAULT 0,  -- no submit is claimed before, by what the service has said
  feeder text,                                -- the run that hands jobs to the engine
  feeder_until double precision NOT NULL DEFAULT 0
);

CREATE TABLE job (
  batch integer NOT NULL DEFAULT 1,
  id text NOT NULL,                           -- custom_id
  number bigint NOT NULL,                     -- the order in which jobs are sent
  operation text NOT NULL,
  source text NOT NULL,
  fields text NOT NULL,                       -- the other fields of the request's body, as JSON
  request text NOT NULL,                      -- SHA-256 of the request
  seconds double precision NOT NULL,          -- seconds of video that the request adds
  name text NOT NULL,                         -- the name of its file, without the ending
  state text NOT NULL DEFAULT 'new' CHECK (state IN ({one_of(JOB_STATES)})),
  attempt integer NOT NULL DEFAULT 0,         -- the last attempt, 0 for none
  task text,                                  -- the id of the task that was paid for
  file text,                                  -- the video, as HOST:/FOLDER/FILE
  reason text NOT NULL DEFAULT '',
  changed_at double precision NOT NULL,
  tries integer NOT NULL DEFAULT 0,           -- how often it did not end well in this run
  round integer NOT NULL DEFAULT 0,           -- a part of the ids of its workflows, each of which is used once
  PRIMARY KEY (batch, id),
  UNIQUE (batch, name)
) WITH (fillfactor = 80);

CREATE UNIQUE INDEX job_by_number ON job (batch, number);
CREATE INDEX job_by_state ON job (batch, state);
CREATE INDEX job_by_request ON job (batch, request);
CREATE INDEX job_open ON job (number) WHERE state IN ({one_of(SENDABLE)});
CREATE INDEX job_unfinished ON job (number) WHERE state IN ({one_of(UNFINISHED)});

CREATE TABLE attempt (
  batch integer NOT NULL DEFAULT 1,
  job text NOT NULL,
  attempt integer NOT NULL CHECK (attempt > 0),
  state text NOT NULL CHECK (state IN ({one_of(ATTEMPT_STATES)})),
  run text NOT NULL,                          -- the run of a worker that claimed it
  seconds double precision NOT NULL,
  sent_at double precision NOT NULL,          -- when it was claimed, before the request was sent
  ended_at double precision,                  -- when its outcome was written down
  task text,
  status integer,                             -- HTTP status of the response, NULL where none arrived
  request_id text,                            -- the gateway's id of the request
  reason text NOT NULL DEFAULT '',
  possible_tasks text NOT NULL DEFAULT '[]',  -- what may be the id of the task of a parked attempt, as JSON
  PRIMARY KEY (batch, job, attempt),          -- two claims of the same attempt: the second fails
  FOREIGN KEY (batch, job) REFERENCES job (batch, id)
);

CREATE INDEX attempt_sending ON attempt (batch, state) WHERE state IN ('sending', 'parked');
CREATE INDEX attempt_by_task ON attempt (task) WHERE task IS NOT NULL;

CREATE FUNCTION attempt_stays() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION 'attempts are never deleted' USING ERRCODE = 'integrity_constraint_violation'; END $$;
CREATE TRIGGER attempt_stays BEFORE DELETE OR TRUNCATE ON attempt
FOR EACH STATEMENT EXECUTE FUNCTION attempt_stays();

CREATE TABLE event (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  batch integer NOT NULL DEFAULT 1,
  at double precision NOT NULL,
  job text NOT NULL,
  attempt integer NOT NULL,
  before text,                                -- NULL for a new job
  after text NOT NULL,
  reason text NOT NULL
);

CREATE FUNCTION job_noted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO event (batch, at, job, attempt, before, after, reason)
    VALUES (new.batch, new.changed_at, new.id, 0, NULL, new.state, new.reason);
  ELSIF old.state <> new.state THEN
    INSERT INTO event (batch, at, job, attempt, before, after, reason)
    VALUES (new.batch, new.changed_at, new.id, new.attempt, old.state, new.state, new.reason);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER job_noted AFTER INSERT OR UPDATE OF state ON job FOR EACH ROW EXECUTE FUNCTION job_noted();

CREATE TABLE worker (
  id text PRIMARY KEY,                        -- --id, also the engine's executor id
  run text NOT NULL UNIQUE,                   -- one start of it, or one lease
  host text NOT NULL,
  process text NOT NULL,                      -- identifies its process on its host, as JSON
  folder text NOT NULL,                       -- --out
  version text NOT NULL,                      -- of octopusx-video
  started_at double precision NOT NULL,
  renewed_at double precision NOT NULL,
  lease_until double precision NOT NULL,      -- it may be sending until then
  taken_over integer NOT NULL DEFAULT 0       -- 1 once its workflows were given to the others
);

CREATE TABLE download (
  job text PRIMARY KEY,
  run text NOT NULL,                          -- the run of a worker that downloads, or waits to
  state text NOT NULL CHECK (state IN ('waiting', 'running'))
);
"""

MIGRATIONS: tuple[str, ...] = (_FIRST,)
"""What makes each version of the one before, as in ``_ledger/schema.py``."""

VERSIONS = "CREATE TABLE IF NOT EXISTS ledger_version (version integer NOT NULL)"
