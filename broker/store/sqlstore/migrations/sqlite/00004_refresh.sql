-- +goose Up
-- The row of a grant is also that of its refresh family: one insert claims the
-- code and makes both. A grant without a key gives no refresh tokens.
ALTER TABLE grants ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE grants ADD COLUMN resources TEXT NOT NULL DEFAULT '';
ALTER TABLE grants ADD COLUMN refresh_key BLOB;
ALTER TABLE grants ADD COLUMN refresh_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE grants ADD COLUMN refresh_attempt TEXT NOT NULL DEFAULT '';
ALTER TABLE grants ADD COLUMN refreshed_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE grants ADD COLUMN refresh_ended INTEGER NOT NULL DEFAULT 0;
