-- +goose Up
-- site_identities holds the identity that signs, one per site, as before. Beside
-- it stand, while a site changes its identity, the next one (staged) and later
-- the one before (retiring): at most one of each.
CREATE TABLE spare_identities (
	site       TEXT COLLATE "C" NOT NULL,
	state      TEXT COLLATE "C" NOT NULL CHECK (state IN ('staged', 'retiring')),
	public     BYTEA            NOT NULL,
	wrapped    BYTEA            NOT NULL,
	created_at BIGINT           NOT NULL,
	retired_at BIGINT           NOT NULL,
	PRIMARY KEY (site, state)
);
