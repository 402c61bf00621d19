// Package store holds the records that outlive one login and the verbs that
// change them. It is a contract: sqlstore implements it for SQLite and
// PostgreSQL, storetest proves both.
//
// Verbs are atomic and name the errors they return. Two rules hold in all of
// them. A replica may say yes; only the writer may say no, so [ErrNotFound],
// like a disabled account, always comes from the writer. And a failure is never
// a fact: what could not be checked is [ErrUnavailable], never one of the
// others, and so is a verb whose context has ended, though it may yet happen.
//
// The package imports nothing of ours. A consumer takes the interface it needs
// ([Accounts], [Grants], [Facts]), never the union [Store].
package store
