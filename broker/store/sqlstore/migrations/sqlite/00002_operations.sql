-- +goose Up
-- Everything here is added: a program that knows version 1 alone goes on working.
ALTER TABLE accounts ADD COLUMN opened_during TEXT NOT NULL DEFAULT '';

CREATE TABLE outages (
	provider    TEXT    NOT NULL PRIMARY KEY,
	declared_at INTEGER NOT NULL,
	until_at    INTEGER NOT NULL,
	said_by     TEXT    NOT NULL,
	reason      TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- There is one slot, which a drill leaves when it has stopped: one runs at a time.
CREATE TABLE drills (
	id             TEXT    NOT NULL PRIMARY KEY,
	slot           INTEGER NOT NULL DEFAULT 1 CHECK (slot = 1),
	provider       TEXT    NOT NULL,
	kind           TEXT    NOT NULL,
	share          INTEGER NOT NULL,
	include_single INTEGER NOT NULL,
	said_by        TEXT    NOT NULL,
	reason         TEXT    NOT NULL,
	started_at     INTEGER NOT NULL,
	ends_at        INTEGER NOT NULL,
	stopped_at     INTEGER NOT NULL,
	stop           TEXT    NOT NULL
) STRICT;
CREATE UNIQUE INDEX drills_slot ON drills (slot) WHERE stopped_at = 0;

-- One row per run of a node and thing counted: a total, so that writing it twice
-- counts nothing twice.
CREATE TABLE drill_counts (
	drill_id TEXT    NOT NULL REFERENCES drills (id),
	node     TEXT    NOT NULL,
	name     TEXT    NOT NULL,
	count    INTEGER NOT NULL,
	PRIMARY KEY (drill_id, node, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE pins (
	provider  TEXT    NOT NULL PRIMARY KEY,
	issuer    TEXT    NOT NULL,
	client_id TEXT    NOT NULL,
	document  BLOB    NOT NULL,
	pinned_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE activity (
	client_id  TEXT    NOT NULL,
	account_id TEXT    NOT NULL,
	day        INTEGER NOT NULL,
	PRIMARY KEY (client_id, account_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX activity_day ON activity (day);
