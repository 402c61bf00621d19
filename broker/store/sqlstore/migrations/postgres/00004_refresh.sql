-- +goose Up
-- The row of a grant is also that of its refresh family: one insert claims the
-- code and makes both. A grant without a key gives no refresh tokens.
ALTER TABLE grants
	ADD COLUMN epoch           BIGINT           NOT NULL DEFAULT 0,
	ADD COLUMN resources       TEXT COLLATE "C" NOT NULL DEFAULT '',
	ADD COLUMN refresh_key     BYTEA,
	ADD COLUMN refresh_count   BIGINT           NOT NULL DEFAULT 0,
	ADD COLUMN refresh_attempt TEXT COLLATE "C" NOT NULL DEFAULT '',
	ADD COLUMN refreshed_at    BIGINT           NOT NULL DEFAULT 0,
	ADD COLUMN refresh_ended   BIGINT           NOT NULL DEFAULT 0;
