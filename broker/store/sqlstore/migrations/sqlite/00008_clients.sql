-- +goose Up
-- Registrations of websites that operators make with commands. A program that does
-- not know them serves those of its configuration file alone.
CREATE TABLE clients (
	id         TEXT    NOT NULL PRIMARY KEY,
	document   BLOB    NOT NULL,
	said_by    TEXT    NOT NULL,
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE client_secrets (
	client_id  TEXT    NOT NULL REFERENCES clients (id),
	hash       BLOB    NOT NULL,
	said_by    TEXT    NOT NULL,
	created_at INTEGER NOT NULL,
	PRIMARY KEY (client_id, hash)
) STRICT, WITHOUT ROWID;

-- One row, changed first by every change of the two tables above: nodes ask for it
-- and read the rest when it has grown.
CREATE TABLE client_changes (
	id       INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
	revision INTEGER NOT NULL
) STRICT;
INSERT INTO client_changes (id, revision) VALUES (1, 0);

-- One row per secret that was ever used, of clients of the file too: an hour at most
-- is written once.
CREATE TABLE client_secret_uses (
	client_id TEXT    NOT NULL,
	hash      BLOB    NOT NULL,
	hour      INTEGER NOT NULL,
	PRIMARY KEY (client_id, hash)
) STRICT, WITHOUT ROWID;
