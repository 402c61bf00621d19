// Package sqltrace stands between database/sql and a driver, counts what passes
// and can have it fail: a test's eye on what a verb costs, and its hand in what
// goes wrong. Its Wrap goes where sqlstore's Options have Connector.
//
// It changes nothing of what it lets through, and is not for production.
package sqltrace
