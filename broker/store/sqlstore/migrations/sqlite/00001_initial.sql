-- +goose Up
CREATE TABLE accounts (
    id             TEXT    NOT NULL PRIMARY KEY,
    seed           BLOB  NOT NULL,
    epoch          BIGINT  NOT NULL,
    disabled       BOOLEAN NOT NULL,
    name           TEXT    NOT NULL,
    email          TEXT    NOT NULL,
    email_verified BOOLEAN NOT NULL,
    phone          TEXT    NOT NULL,
    phone_verified BOOLEAN NOT NULL,
    picture        TEXT    NOT NULL,
    locale         TEXT    NOT NULL,
    created_at     BIGINT  NOT NULL, -- all times: microseconds since 1970, UTC
    updated_at     BIGINT  NOT NULL
);

-- An identity belongs to at most one account; nothing else finds one.
CREATE TABLE links (
    provider   TEXT   NOT NULL,
    subject    TEXT   NOT NULL,
    account_id TEXT   NOT NULL REFERENCES accounts (id),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (provider, subject)
) WITHOUT ROWID;
CREATE INDEX links_by_account ON links (account_id);

-- A row is a claimed code and the right it gave. login_id is unique: this
-- table is the arbiter of single use.
CREATE TABLE grants (
    id         TEXT   NOT NULL PRIMARY KEY,
    login_id   TEXT   NOT NULL UNIQUE,
    code_hash  BLOB NOT NULL,
    account_id TEXT   NOT NULL,
    client_id  TEXT   NOT NULL,
    sid        TEXT   NOT NULL,
    scope      TEXT   NOT NULL, -- separated by spaces
    provider   TEXT   NOT NULL,
    acr        TEXT   NOT NULL,
    amr        TEXT   NOT NULL, -- separated by spaces
    auth_time  BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX grants_by_expiry ON grants (expires_at);

CREATE TABLE facts (
    kind     TEXT    NOT NULL,
    id       TEXT    NOT NULL,
    epoch    BIGINT  NOT NULL,
    revision BIGINT  NOT NULL UNIQUE,
    lifted   BOOLEAN NOT NULL,
    said_at  BIGINT  NOT NULL,
    until    BIGINT  NOT NULL, -- 0 is for ever
    PRIMARY KEY (kind, id)
);

-- One row per counter. Updating it inside the transaction that uses the number
-- makes revisions appear in the order of commit, without gaps.
CREATE TABLE revision (
    name TEXT   NOT NULL PRIMARY KEY,
    last BIGINT NOT NULL
);
INSERT INTO revision (name, last) VALUES ('facts', 0);

CREATE TABLE secrets (
    name    TEXT   NOT NULL PRIMARY KEY,
    wrapped BLOB NOT NULL
);

CREATE TABLE sealing_keys (
    id         TEXT   NOT NULL PRIMARY KEY,
    generation BIGINT NOT NULL UNIQUE,
    wrapped    BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE site_identities (
    site       TEXT   NOT NULL PRIMARY KEY,
    public     BLOB NOT NULL,
    wrapped    BLOB NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE signing_keys (
    kid          TEXT   NOT NULL PRIMARY KEY,
    site         TEXT   NOT NULL,
    algorithm    TEXT   NOT NULL,
    generation   BIGINT NOT NULL,
    state        TEXT   NOT NULL,
    public       BLOB NOT NULL,
    wrapped      BLOB NOT NULL,
    manifest     BLOB NOT NULL,
    created_at   BIGINT NOT NULL,
    published_at BIGINT NOT NULL,
    activated_at BIGINT NOT NULL,
    retiring_at  BIGINT NOT NULL,
    removed_at   BIGINT NOT NULL,
    UNIQUE (site, algorithm, generation)
);
