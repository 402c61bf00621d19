-- +goose Up
-- Everything here is added: a program that knows an earlier version goes on working.
ALTER TABLE accounts ADD COLUMN language TEXT NOT NULL DEFAULT '';
-- When the account was deleted: the row is a tombstone then, which keeps the seed.
ALTER TABLE accounts ADD COLUMN deleted_at INTEGER NOT NULL DEFAULT 0;

-- The account page lists what an account gave, newest first.
CREATE INDEX grants_account ON grants (account_id, created_at);

-- withdrawal is the ID of the fact that would withdraw the consent.
CREATE TABLE consents (
	account_id TEXT    NOT NULL REFERENCES accounts (id),
	client_id  TEXT    NOT NULL,
	withdrawal TEXT    NOT NULL UNIQUE,
	scope      TEXT    NOT NULL,
	declined   TEXT    NOT NULL,
	given_at   INTEGER NOT NULL,
	PRIMARY KEY (account_id, client_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE account_events (
	id          TEXT    NOT NULL PRIMARY KEY,
	account_id  TEXT    NOT NULL,
	happened_at INTEGER NOT NULL,
	what        TEXT    NOT NULL,
	client_id   TEXT    NOT NULL,
	provider    TEXT    NOT NULL,
	device      TEXT    NOT NULL,
	site        TEXT    NOT NULL,
	sid         TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX account_events_account ON account_events (account_id, id);
CREATE INDEX account_events_age ON account_events (happened_at);
