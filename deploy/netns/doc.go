// Package netns is a test: three real processes of the program, as three sites
// on machines of their own, and what becomes of people's logins when cables
// between the machines are cut.
//
//	people ─┐                      ┌─ seoul ─┐
//	kakao  ─┤                      ├─ busan ─┤
//	naver  ─┼── bridge "wide" ─────┼─ tokyo ─┼── bridge "inner"
//	google ─┤                      └─────────┘
//	store  ─┤
//	names  ─┘
//
// Every machine is a network namespace; the bridges stand in one more, so that
// nothing of the machine that runs the test is touched or in the way. The sites
// run the binary as an operator starts it, with files that bongsu init wrote.
// Everything else is the test's own process with sockets in other namespaces:
// simulated providers with certificates of an authority of their own, the name
// server that everybody asks, the way to a real PostgreSQL, and people with
// browsers, each login from another network.
//
// TestNamespaces tells one story for every run. TestNamespacesFaults, with the
// tag nightly, plays every fault that simulated upstreams know; what stands below
// HTTP is done to cables, routes, names and certificates.
//
// It needs Linux, root, iproute2 and PostgreSQL. It holds nothing that a program
// could use, and tests no rule that a smaller test can.
package netns
