-- +goose Up
CREATE TABLE accounts (
	id             TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	seed           BYTEA            NOT NULL,
	epoch          BIGINT           NOT NULL,
	disabled       BOOLEAN          NOT NULL,
	name           TEXT COLLATE "C" NOT NULL,
	email          TEXT COLLATE "C" NOT NULL,
	email_verified BOOLEAN          NOT NULL,
	phone          TEXT COLLATE "C" NOT NULL,
	phone_verified BOOLEAN          NOT NULL,
	picture        TEXT COLLATE "C" NOT NULL,
	locale         TEXT COLLATE "C" NOT NULL,
	created_at     BIGINT           NOT NULL,
	updated_at     BIGINT           NOT NULL
);

CREATE TABLE links (
	provider   TEXT COLLATE "C" NOT NULL,
	subject    TEXT COLLATE "C" NOT NULL,
	account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
	created_at BIGINT           NOT NULL,
	PRIMARY KEY (provider, subject)
);
CREATE INDEX links_account ON links (account_id);

-- The arbiter of codes: one row per login that gave a grant. There is no foreign
-- key on account_id: the code was sealed for an account, and a claim stays one
-- insert that locks nothing else.
CREATE TABLE grants (
	id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	login_id   TEXT COLLATE "C" NOT NULL UNIQUE,
	code_hash  BYTEA            NOT NULL,
	account_id TEXT COLLATE "C" NOT NULL,
	client_id  TEXT COLLATE "C" NOT NULL,
	sid        TEXT COLLATE "C" NOT NULL,
	scope      TEXT COLLATE "C" NOT NULL,
	provider   TEXT COLLATE "C" NOT NULL,
	acr        TEXT COLLATE "C" NOT NULL,
	amr        TEXT COLLATE "C" NOT NULL,
	auth_time  BIGINT           NOT NULL,
	created_at BIGINT           NOT NULL,
	expires_at BIGINT           NOT NULL
);
CREATE INDEX grants_expiry ON grants (expires_at) WHERE expires_at <> 0;

-- Every writer of a fact updates this row first: revisions are in the order of
-- commits, without gaps.
CREATE TABLE feed (
	id       SMALLINT         NOT NULL PRIMARY KEY CHECK (id = 1),
	revision BIGINT           NOT NULL
);
INSERT INTO feed (id, revision) VALUES (1, 0);

CREATE TABLE facts (
	kind     TEXT COLLATE "C" NOT NULL,
	id       TEXT COLLATE "C" NOT NULL,
	epoch    BIGINT           NOT NULL,
	revision BIGINT           NOT NULL UNIQUE,
	lifted   BOOLEAN          NOT NULL,
	said_at  BIGINT           NOT NULL,
	until_at BIGINT           NOT NULL,
	PRIMARY KEY (kind, id)
);
CREATE INDEX facts_until ON facts (until_at) WHERE until_at <> 0;

CREATE TABLE secrets (
	name    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	wrapped BYTEA            NOT NULL
);

CREATE TABLE signing_keys (
	key_id       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	site         TEXT COLLATE "C" NOT NULL,
	algorithm    TEXT COLLATE "C" NOT NULL,
	generation   BIGINT           NOT NULL,
	state        TEXT COLLATE "C" NOT NULL,
	public       BYTEA            NOT NULL,
	wrapped      BYTEA            NOT NULL,
	manifest     BYTEA            NOT NULL,
	created_at   BIGINT           NOT NULL,
	published_at BIGINT           NOT NULL,
	activated_at BIGINT           NOT NULL,
	retiring_at  BIGINT           NOT NULL,
	removed_at   BIGINT           NOT NULL,
	UNIQUE (site, algorithm, generation)
);

CREATE TABLE site_identities (
	site       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	public     BYTEA            NOT NULL,
	wrapped    BYTEA            NOT NULL,
	created_at BIGINT           NOT NULL
);

CREATE TABLE sealing_keys (
	generation BIGINT           NOT NULL PRIMARY KEY,
	id         TEXT COLLATE "C" NOT NULL UNIQUE,
	wrapped    BYTEA            NOT NULL,
	created_at BIGINT           NOT NULL,
	expires_at BIGINT           NOT NULL
);

-- Written to find out whether the writer takes writes.
CREATE TABLE beat (
	id    SMALLINT         NOT NULL PRIMARY KEY CHECK (id = 1),
	count BIGINT           NOT NULL
);
INSERT INTO beat (id, count) VALUES (1, 0);

-- The oldest version of the schema a program must know to work with this one. A
-- migration that only adds leaves it alone; one that takes away raises it.
CREATE TABLE needs (
	id      SMALLINT         NOT NULL PRIMARY KEY CHECK (id = 1),
	version BIGINT           NOT NULL
);
INSERT INTO needs (id, version) VALUES (1, 1);
