-- +goose Up
-- Which websites a session was used at is read when it ends.
CREATE INDEX grants_session ON grants (sid) WHERE sid <> '';

-- What websites are still to be told, were told, and would not hear: one row for
-- each end of something, website and session.
CREATE TABLE logouts (
	cause      TEXT    NOT NULL,
	client_id  TEXT    NOT NULL,
	sid        TEXT    NOT NULL,
	account_id TEXT    NOT NULL,
	subject    TEXT    NOT NULL,
	state      TEXT    NOT NULL CHECK (state IN ('trying', 'delivered', 'refused', 'unreached')),
	attempts   INTEGER NOT NULL,
	next_at    INTEGER NOT NULL,
	created_at INTEGER NOT NULL,
	changed_at INTEGER NOT NULL,
	expires_at INTEGER NOT NULL,
	PRIMARY KEY (cause, client_id, sid)
) STRICT, WITHOUT ROWID;
CREATE INDEX logouts_due ON logouts (next_at) WHERE state = 'trying';
CREATE INDEX logouts_expiry ON logouts (expires_at);

-- Up to which fact of the feed websites are queued. What was said before there
-- was anybody to tell is not told any more.
CREATE TABLE logout_feed (
	id       INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
	revision INTEGER NOT NULL
) STRICT;
INSERT INTO logout_feed (id, revision) SELECT 1, revision FROM feed WHERE id = 1;

-- The assertions that clients authenticated with: each is taken once.
CREATE TABLE assertions (
	client_id  TEXT    NOT NULL,
	token_id   BLOB    NOT NULL,
	attempt    TEXT    NOT NULL,
	expires_at INTEGER NOT NULL,
	PRIMARY KEY (client_id, token_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX assertions_expiry ON assertions (expires_at);
