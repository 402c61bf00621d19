// Command bench measures a broker as its operators would meet it: a real
// `bongsu serve` process (and its database) on one core, websites, browsers
// and a simulated provider on the other. It prints answers per CPU-second of
// server plus database, each as a ratio to a bare net/http server that as many
// workers ask between its parts: a machine that is busy with other things slows
// both, so the ratios hold where the numbers do not.
//
//	bench [-for 5s] [-store sqlite,postgres] [-bongsu PATH]
//	bench sites [-for 5s] [-rest 10s] [-bongsu PATH]
//	bench volume [-accounts 1000000] [-links 2] [-for 10s] [-store sqlite,postgres]
//
// The second form sets logins at three sites, which gossip and ask each other over
// a primary and two standbys, beside logins at one. The third form fills an empty store with people, looks them up and says what
// they take on disk.
//
// It talks to loopback only and ends what it starts. deploy/bench.sh builds the
// broker and runs it.
package main
