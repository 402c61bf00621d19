// Package dev runs everything on one machine with nothing installed and
// nothing kept: a broker, the simulated providers behind it, a website in front
// of it, and a switchboard that breaks the providers.
//
//	port N      the issuer      http://localhost:N
//	port N+1    demo website    http://localhost:N+1      package demo
//	port N+2    switchboard     http://localhost:N+2      package switchboard
//	            providers       http://127.0.0.1:N+2/{id} package fakeidp, another site to the browser
//	a free port admin listener  http://localhost:…        operators' orders, metrics; see the banner
//	no port     what the broker asks the providers        package fakenet: names, TLS, and how they fail
//
// With several sites port N is a front door, which hands each request to the
// first site that lives and says in X-Bongsu-Site which one that was:
//
//	port N+10   seoul           http://localhost:N+10     gossip on N+11
//	port N+20   busan           http://localhost:N+20     gossip on N+21
//	port N+30   tokyo           http://localhost:N+30     gossip on N+31
//
// To a browser they are one host, localhost, whatever the port, and cookies are named
// after the issuer's port: what one site set every other reads. Pages offer to go on
// at the others, and logins are carried (package handoff), but where a site died the
// login also goes on at another address by itself. In the world it does not: each
// origin keeps its cookies to itself.
//
// Each has a broker, keys, an identity, a data directory and a negative log of its
// own, its address is its origin, to which the logins that began there return, and
// the others ask it things at a free port that gossip names. It stands inside a hull
// (package hull) that the switchboard turns:
//
//	ok      everything passes
//	dead    connections are refused, the broker is closed; back to ok it is built anew from its disk
//	frozen  connections are taken and nothing is answered, until it thaws
//	cut     no gossip and no writer; its replica is a copy of the file as it was at the cut
//
// The sites share one SQLite file with one writer, which stands in one of them
// ([Site.Writes]) and is in no site while that one is away; after 3 s the first site
// that is well has it. Meanwhile every site reads the last state and nobody writes.
// A frozen site's goroutines are not stopped: see package hull for what that leaves
// out. The front door passes over sites that are dead, silent, or cut off while
// another lives. The simulated providers know which site a request comes from by its
// name, so that one can be gone for seoul alone.
//
// Five providers are simulated unless [Options.Providers] names others; a catalogue
// of all stands in one table (upstreams.go), each at host names of its own.
//
// It composes what others built and decides only what dev mode is: loopback
// alone (package loopback), clients whose secrets everybody knows, redirect
// URIs that any port may have, people with accounts. None of it is reachable
// from a configuration file. [Run] is the command; an [Instance] is the same as
// a value, for tests.
package dev
