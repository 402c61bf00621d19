-- +goose Up
-- site_identities holds the identity that signs, one per site, as before. Beside
-- it stand, while a site changes its identity, the next one (staged) and later
-- the one before (retiring): at most one of each.
CREATE TABLE spare_identities (
	site       TEXT    NOT NULL,
	state      TEXT    NOT NULL CHECK (state IN ('staged', 'retiring')),
	public     BLOB    NOT NULL,
	wrapped    BLOB    NOT NULL,
	created_at INTEGER NOT NULL,
	retired_at INTEGER NOT NULL,
	PRIMARY KEY (site, state)
) STRICT, WITHOUT ROWID;
