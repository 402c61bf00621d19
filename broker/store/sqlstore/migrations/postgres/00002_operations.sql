-- +goose Up
-- Everything here is added: a program that knows version 1 alone goes on working.
ALTER TABLE accounts ADD COLUMN opened_during TEXT COLLATE "C" NOT NULL DEFAULT '';

CREATE TABLE outages (
	provider    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	declared_at BIGINT           NOT NULL,
	until_at    BIGINT           NOT NULL,
	said_by     TEXT COLLATE "C" NOT NULL,
	reason      TEXT COLLATE "C" NOT NULL
);

-- There is one slot, which a drill leaves when it has stopped: one runs at a time.
CREATE TABLE drills (
	id             TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	slot           SMALLINT         NOT NULL DEFAULT 1 CHECK (slot = 1),
	provider       TEXT COLLATE "C" NOT NULL,
	kind           TEXT COLLATE "C" NOT NULL,
	share          BIGINT           NOT NULL,
	include_single BOOLEAN          NOT NULL,
	said_by        TEXT COLLATE "C" NOT NULL,
	reason         TEXT COLLATE "C" NOT NULL,
	started_at     BIGINT           NOT NULL,
	ends_at        BIGINT           NOT NULL,
	stopped_at     BIGINT           NOT NULL,
	stop           TEXT COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX drills_slot ON drills (slot) WHERE stopped_at = 0;

-- One row per run of a node and thing counted: a total, so that writing it twice
-- counts nothing twice.
CREATE TABLE drill_counts (
	drill_id TEXT COLLATE "C" NOT NULL REFERENCES drills (id),
	node     TEXT COLLATE "C" NOT NULL,
	name     TEXT COLLATE "C" NOT NULL,
	count    BIGINT           NOT NULL,
	PRIMARY KEY (drill_id, node, name)
);

CREATE TABLE pins (
	provider  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	issuer    TEXT COLLATE "C" NOT NULL,
	client_id TEXT COLLATE "C" NOT NULL,
	document  BYTEA            NOT NULL,
	pinned_at BIGINT           NOT NULL
);

CREATE TABLE activity (
	client_id  TEXT COLLATE "C" NOT NULL,
	account_id TEXT COLLATE "C" NOT NULL,
	day        BIGINT           NOT NULL,
	PRIMARY KEY (client_id, account_id)
);
CREATE INDEX activity_day ON activity (day);
