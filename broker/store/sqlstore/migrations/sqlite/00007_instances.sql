-- +goose Up
-- What an id of a provider instance stands for. It changes by an operator's
-- order alone; the same client at the same issuer has one id.
CREATE TABLE fingerprints (
	provider  TEXT    NOT NULL PRIMARY KEY,
	kind      TEXT    NOT NULL,
	issuer    TEXT    NOT NULL,
	client_id TEXT    NOT NULL,
	kept_at   INTEGER NOT NULL,
	UNIQUE (issuer, client_id)
) STRICT, WITHOUT ROWID;

-- The secrets that prove us to providers, wrapped: the newest and, while it
-- changes, the one before (empty: none).
CREATE TABLE provider_secrets (
	provider  TEXT    NOT NULL PRIMARY KEY,
	id        TEXT    NOT NULL,
	issuer    TEXT    NOT NULL,
	client_id TEXT    NOT NULL,
	wrapped   BLOB    NOT NULL,
	former    BLOB    NOT NULL,
	set_by    TEXT    NOT NULL,
	set_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
