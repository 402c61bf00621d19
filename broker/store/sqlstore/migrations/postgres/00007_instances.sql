-- +goose Up
-- What an id of a provider instance stands for. It changes by an operator's
-- order alone; the same client at the same issuer has one id.
CREATE TABLE fingerprints (
	provider  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	kind      TEXT COLLATE "C" NOT NULL,
	issuer    TEXT COLLATE "C" NOT NULL,
	client_id TEXT COLLATE "C" NOT NULL,
	kept_at   BIGINT           NOT NULL,
	UNIQUE (issuer, client_id)
);

-- The secrets that prove us to providers, wrapped: the newest and, while it
-- changes, the one before (empty: none).
CREATE TABLE provider_secrets (
	provider  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	id        TEXT COLLATE "C" NOT NULL,
	issuer    TEXT COLLATE "C" NOT NULL,
	client_id TEXT COLLATE "C" NOT NULL,
	wrapped   BYTEA            NOT NULL,
	former    BYTEA            NOT NULL,
	set_by    TEXT COLLATE "C" NOT NULL,
	set_at    BIGINT           NOT NULL
);
