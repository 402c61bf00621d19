// Package catalog builds providers from configuration: one kind, one
// constructor, in one table that is read and not registered into.
//
// It owns the names of the kinds and of the endpoints an operator may set. What
// a kind means is in its own package; where the configuration comes from is not
// known here.
package catalog
