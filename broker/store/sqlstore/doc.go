// Package sqlstore keeps records in SQL: one implementation of the verbs of
// package store, of the rings' stores in keys and keys/seal, and two dialects.
//
//	sqlite    embedded: WAL, synchronous=FULL, readers beside one writer that
//	          commits whatever queued during its last commit
//	postgres  for several machines: a pool to the writer, one to this site's
//	          replica, single statements in autocommit on the hot verbs
//
// It owns the schema and its migrations, what a driver's error means, and the
// rule that a replica may say yes and only the writer no. It makes no decision
// about accounts, codes or keys.
package sqlstore
