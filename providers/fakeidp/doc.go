// Package fakeidp plays whole upstreams behind one [http.Handler]: the pages a
// browser sees, the endpoints a broker calls, the people who sign in, and the
// ways all of it fails.
//
//	/{upstream}/… ──▶ fault, in scope? ──▶ delay ──▶ replaced answer? ──▶ the dialect's own answer
//
// An upstream speaks one [Dialect]: real paths below its name, or on hosts of
// its own, and real deviations from the standards. A dialect is one file. Tests
// reach deeper by the knobs of [Upstream], which lie about claims, headers,
// keys, times and documents.
//
// A [Fault] is one way to fail, one line of a table that every endpoint asks
// before it answers. Its [Scope] says where, for whom, from where and how long;
// a script of [Phase] values lets faults follow each other on the server's own
// clock. The faults and the real outages that they repeat:
//
//	F01 dark                  F09 token-down            F17 new-logins-down
//	F02 dns                   F10 credentials-rejected  F18 regional
//	F03 half-open             F11 userinfo-down         F19 status-feed-lies
//	F04 wrong-certificate     F12 app-route-down        F20 consent-step-down
//	F05 core-down             F13 throttled             F21 clock
//	F06 error-page            F14 brownout              F22 moved-metadata
//	F07 key-dropped           F15 disguised             F25 gone
//	F08 stolen-key            F16 relapse
//
// besides slow, error, denied and bad-signature, which are nobody's outage.
//
// It listens on nothing, keeps nothing, and never proves anybody: whoever
// presses the button is the person the page names. What goes wrong below HTTP
// (names, connections, certificates) is played by a network in front that asks
// [Upstream.Weather]: package fakenet. Without one, F02 and F03 are connections
// that break or stay silent, and F04 does not apply.
package fakeidp
