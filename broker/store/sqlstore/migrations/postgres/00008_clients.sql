-- +goose Up
-- Registrations of websites that operators make with commands. A program that does
-- not know them serves those of its configuration file alone.
CREATE TABLE clients (
	id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	document   BYTEA            NOT NULL,
	said_by    TEXT COLLATE "C" NOT NULL,
	created_at BIGINT           NOT NULL,
	updated_at BIGINT           NOT NULL
);

CREATE TABLE client_secrets (
	client_id  TEXT COLLATE "C" NOT NULL REFERENCES clients (id),
	hash       BYTEA            NOT NULL,
	said_by    TEXT COLLATE "C" NOT NULL,
	created_at BIGINT           NOT NULL,
	PRIMARY KEY (client_id, hash)
);

-- One row, changed first by every change of the two tables above: nodes ask for it
-- and read the rest when it has grown.
CREATE TABLE client_changes (
	id       SMALLINT NOT NULL PRIMARY KEY CHECK (id = 1),
	revision BIGINT   NOT NULL
);
INSERT INTO client_changes (id, revision) VALUES (1, 0);

-- One row per secret that was ever used, of clients of the file too: an hour at most
-- is written once.
CREATE TABLE client_secret_uses (
	client_id TEXT COLLATE "C" NOT NULL,
	hash      BYTEA            NOT NULL,
	hour      BIGINT           NOT NULL,
	PRIMARY KEY (client_id, hash)
);
