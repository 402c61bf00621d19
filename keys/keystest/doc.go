// Package keystest keeps rings in memory for tests: a store for both of them,
// which can fail and hang on request, and RSA keys that are made once per
// process. It is for tests alone.
package keystest
