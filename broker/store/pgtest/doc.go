// Package pgtest gives tests a real PostgreSQL: one server per process, on which
// every test gets a database of its own, and servers of their own for tests that
// kill or freeze them, with standbys that follow one and take over.
//
// BONGSU_TEST_POSTGRES, a superuser's connection string, names a server that
// runs already; otherwise the installed PostgreSQL is started, as user postgres
// where the tests run as root. A missing PostgreSQL fails the test. Whatever is
// started ends with the process, however that ends.
//
// The package knows no table: who wants a schema says how it is made.
package pgtest
