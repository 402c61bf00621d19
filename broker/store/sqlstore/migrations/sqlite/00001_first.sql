-- +goose Up
CREATE TABLE accounts (
	id             TEXT    NOT NULL PRIMARY KEY,
	seed           BLOB    NOT NULL,
	epoch          INTEGER NOT NULL,
	disabled       INTEGER NOT NULL,
	name           TEXT    NOT NULL,
	email          TEXT    NOT NULL,
	email_verified INTEGER NOT NULL,
	phone          TEXT    NOT NULL,
	phone_verified INTEGER NOT NULL,
	picture        TEXT    NOT NULL,
	locale         TEXT    NOT NULL,
	created_at     INTEGER NOT NULL,
	updated_at     INTEGER NOT NULL
) STRICT;

CREATE TABLE links (
	provider   TEXT    NOT NULL,
	subject    TEXT    NOT NULL,
	account_id TEXT    NOT NULL REFERENCES accounts (id),
	created_at INTEGER NOT NULL,
	PRIMARY KEY (provider, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX links_account ON links (account_id);

-- The arbiter of codes: one row per login that gave a grant. There is no foreign
-- key on account_id: the code was sealed for an account, and a claim stays one
-- insert that locks nothing else.
CREATE TABLE grants (
	id         TEXT    NOT NULL PRIMARY KEY,
	login_id   TEXT    NOT NULL UNIQUE,
	code_hash  BLOB    NOT NULL,
	account_id TEXT    NOT NULL,
	client_id  TEXT    NOT NULL,
	sid        TEXT    NOT NULL,
	scope      TEXT    NOT NULL,
	provider   TEXT    NOT NULL,
	acr        TEXT    NOT NULL,
	amr        TEXT    NOT NULL,
	auth_time  INTEGER NOT NULL,
	created_at INTEGER NOT NULL,
	expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX grants_expiry ON grants (expires_at) WHERE expires_at <> 0;

-- Every writer of a fact updates this row first: revisions are in the order of
-- commits, without gaps.
CREATE TABLE feed (
	id       INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
	revision INTEGER NOT NULL
) STRICT;
INSERT INTO feed (id, revision) VALUES (1, 0);

CREATE TABLE facts (
	kind     TEXT    NOT NULL,
	id       TEXT    NOT NULL,
	epoch    INTEGER NOT NULL,
	revision INTEGER NOT NULL UNIQUE,
	lifted   INTEGER NOT NULL,
	said_at  INTEGER NOT NULL,
	until_at INTEGER NOT NULL,
	PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX facts_until ON facts (until_at) WHERE until_at <> 0;

CREATE TABLE secrets (
	name    TEXT NOT NULL PRIMARY KEY,
	wrapped BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE signing_keys (
	key_id       TEXT    NOT NULL PRIMARY KEY,
	site         TEXT    NOT NULL,
	algorithm    TEXT    NOT NULL,
	generation   INTEGER NOT NULL,
	state        TEXT    NOT NULL,
	public       BLOB    NOT NULL,
	wrapped      BLOB    NOT NULL,
	manifest     BLOB    NOT NULL,
	created_at   INTEGER NOT NULL,
	published_at INTEGER NOT NULL,
	activated_at INTEGER NOT NULL,
	retiring_at  INTEGER NOT NULL,
	removed_at   INTEGER NOT NULL,
	UNIQUE (site, algorithm, generation)
) STRICT;

CREATE TABLE site_identities (
	site       TEXT    NOT NULL PRIMARY KEY,
	public     BLOB    NOT NULL,
	wrapped    BLOB    NOT NULL,
	created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sealing_keys (
	generation INTEGER NOT NULL PRIMARY KEY,
	id         TEXT    NOT NULL UNIQUE,
	wrapped    BLOB    NOT NULL,
	created_at INTEGER NOT NULL,
	expires_at INTEGER NOT NULL
) STRICT;

-- Written to find out whether the writer takes writes.
CREATE TABLE beat (
	id    INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
	count INTEGER NOT NULL
) STRICT;
INSERT INTO beat (id, count) VALUES (1, 0);

-- The oldest version of the schema a program must know to work with this one. A
-- migration that only adds leaves it alone; one that takes away raises it.
CREATE TABLE needs (
	id      INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
	version INTEGER NOT NULL
) STRICT;
INSERT INTO needs (id, version) VALUES (1, 1);
