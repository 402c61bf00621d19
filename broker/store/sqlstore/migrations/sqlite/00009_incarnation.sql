-- +goose Up
-- What this database is called: made once, and changed when it is found to have been
-- set back to an earlier state. A program that does not know it tells a database
-- that was set back by its newest revision alone.
CREATE TABLE incarnation (
	id   INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
	name TEXT    NOT NULL
) STRICT;
INSERT INTO incarnation (id, name) VALUES (1, lower(hex(randomblob(16))));
