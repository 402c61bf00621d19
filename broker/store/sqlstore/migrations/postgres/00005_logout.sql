-- +goose Up
-- Which websites a session was used at is read when it ends.
CREATE INDEX grants_session ON grants (sid) WHERE sid <> '';

-- What websites are still to be told, were told, and would not hear: one row for
-- each end of something, website and session.
CREATE TABLE logouts (
	cause      TEXT COLLATE "C" NOT NULL,
	client_id  TEXT COLLATE "C" NOT NULL,
	sid        TEXT COLLATE "C" NOT NULL,
	account_id TEXT COLLATE "C" NOT NULL,
	subject    TEXT COLLATE "C" NOT NULL,
	state      TEXT COLLATE "C" NOT NULL CHECK (state IN ('trying', 'delivered', 'refused', 'unreached')),
	attempts   BIGINT           NOT NULL,
	next_at    BIGINT           NOT NULL,
	created_at BIGINT           NOT NULL,
	changed_at BIGINT           NOT NULL,
	expires_at BIGINT           NOT NULL,
	PRIMARY KEY (cause, client_id, sid)
);
CREATE INDEX logouts_due ON logouts (next_at) WHERE state = 'trying';
CREATE INDEX logouts_expiry ON logouts (expires_at);

-- Up to which fact of the feed websites are queued. What was said before there
-- was anybody to tell is not told any more.
CREATE TABLE logout_feed (
	id       BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
	revision BIGINT NOT NULL
);
INSERT INTO logout_feed (id, revision) SELECT 1, revision FROM feed WHERE id = 1;

-- The assertions that clients authenticated with: each is taken once.
CREATE TABLE assertions (
	client_id  TEXT COLLATE "C" NOT NULL,
	token_id   BYTEA            NOT NULL,
	attempt    TEXT COLLATE "C" NOT NULL,
	expires_at BIGINT           NOT NULL,
	PRIMARY KEY (client_id, token_id)
);
CREATE INDEX assertions_expiry ON assertions (expires_at);
