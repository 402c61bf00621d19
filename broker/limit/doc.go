// Package limit counts how often somebody did something, and says when it is
// too often: a bucket of tokens for each key, in a table that cannot grow beyond
// its bound whatever strangers send.
//
//	Take   may go on, and is counted      (a login that begins, a token request)
//	Wait   may go on? nothing is counted  (before a secret is looked at)
//
// What is too often is a matter of seconds: nobody is locked out, a bucket fills
// again by itself. Who is meant by a key, what is counted and what the caller is
// told is not decided here. Limits hold for one node: they protect it, they are no
// promise to anybody.
package limit
