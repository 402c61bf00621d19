// Package chaos is a test: three sites, each with two real processes of the program
// and a real PostgreSQL, and everything that can happen to them, below people who
// log in all the time.
//
//	people ─┐                   ┌─ seoul: 2 brokers, PostgreSQL ─┐
//	kakao  ─┼── bridge "wide" ──┼─ busan: 2 brokers, PostgreSQL ─┼── bridge "inner"
//	naver  ─┘                   └─ tokyo: 2 brokers, PostgreSQL ─┘
//
// One of the databases is the primary and waits for one of the two others, which
// follow it. What fails them over does what an operator's tool must: the old
// primary is killed and comes back only as a standby, both standbys are asked, and
// the more advanced one takes over. A front door asks every broker whether it would
// serve and sends people to the nearest that would; every site has an origin of its
// own besides, at which logins go on that their own site cannot go on with. Websites
// are an ordinary OpenID Connect library; browsers keep cookies and follow pages by
// the ids of their buttons. When a site that is cut off has to stop is counted from the
// moment at which its nodes themselves log that they have lost contact.
//
// A seed decides which faults happen, to whom and for how long: processes are
// killed and frozen, cables and routes cut, disks filled, clocks set wrong,
// databases promoted. [checks] are the promises; each is a function over a history
// of what was seen from outside, and has a test in which it finds what breaks it.
// In the end a table says what became of logins under every fault, beside what the
// design promises.
//
// Tests named TestChaos need Linux, root, iproute2 and PostgreSQL, and a program
// built with the tag chaos, whose clock can be set wrong; deploy/chaos.sh sees to
// that. The others need nothing. It holds nothing that a program could use.
package chaos
