// Package storetest is what every store must survive: each verb and each error
// it promises, races with exactly one winner, odd text, bounds, and a replica
// that lags. An implementation calls [Run] from a test of its own, and [EveryVerb] on
// a database that a newer program has changed.
//
// It knows no SQL and starts no database; pgtest does.
package storetest
