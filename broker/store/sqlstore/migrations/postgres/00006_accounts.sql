-- +goose Up
-- Everything here is added: a program that knows an earlier version goes on working.
ALTER TABLE accounts ADD COLUMN language TEXT COLLATE "C" NOT NULL DEFAULT '';
-- When the account was deleted: the row is a tombstone then, which keeps the seed.
ALTER TABLE accounts ADD COLUMN deleted_at BIGINT NOT NULL DEFAULT 0;

-- The account page lists what an account gave, newest first.
CREATE INDEX grants_account ON grants (account_id, created_at);

-- withdrawal is the ID of the fact that would withdraw the consent.
CREATE TABLE consents (
	account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
	client_id  TEXT COLLATE "C" NOT NULL,
	withdrawal TEXT COLLATE "C" NOT NULL UNIQUE,
	scope      TEXT COLLATE "C" NOT NULL,
	declined   TEXT COLLATE "C" NOT NULL,
	given_at   BIGINT           NOT NULL,
	PRIMARY KEY (account_id, client_id)
);

CREATE TABLE account_events (
	id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	account_id  TEXT COLLATE "C" NOT NULL,
	happened_at BIGINT           NOT NULL,
	what        TEXT COLLATE "C" NOT NULL,
	client_id   TEXT COLLATE "C" NOT NULL,
	provider    TEXT COLLATE "C" NOT NULL,
	device      TEXT COLLATE "C" NOT NULL,
	site        TEXT COLLATE "C" NOT NULL,
	sid         TEXT COLLATE "C" NOT NULL
);
CREATE INDEX account_events_account ON account_events (account_id, id);
CREATE INDEX account_events_age ON account_events (happened_at);
