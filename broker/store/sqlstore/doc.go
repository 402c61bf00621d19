// Package sqlstore keeps the records of broker/store, and the key records of
// keys and keys/seal, in SQLite or PostgreSQL: one implementation of the verbs,
// one text of every statement, two engines under it.
//
//	verb ─▶ Store ─▶ engine ┬ sqlite    one writer goroutine sharing commits, 8 readers
//	                        └ postgres  a pool for the writer, one for the reader;
//	                                    breaker: leaves an address that went silent
//
// A known person's login costs one SELECT (AccountByIdentity) and one commit of
// one statement (ClaimCode). Times are stored as microseconds since 1970, UTC,
// 0 for the zero time; lists as words joined by spaces.
//
// Several brokers of one process share a Store through [Store.Behind], which can be cut.
//
// The package decides nothing about logins, keys or health, wraps nothing, and
// knows no cache: every answer is the database's.
package sqlstore
