// Command bench measures a broker as its operators would meet it: a real
// `bongsu serve` process (and its database) on one core, websites, browsers
// and a simulated provider on the other. It prints answers per CPU-second of
// server plus database, each as a ratio to a bare net/http server measured in
// the same run.
//
//	bench [-for 5s] [-store sqlite,postgres] [-bongsu PATH]
//	bench volume [-accounts 1000000] [-links 2] [-for 10s] [-store sqlite,postgres]
//
// The second form fills an empty store with people, looks them up and says what
// they take on disk.
//
// It talks to loopback only and ends what it starts. deploy/bench.sh builds the
// broker and runs it.
package main
