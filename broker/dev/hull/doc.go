// Package hull is what stands around one site of a process: everything that goes
// in or out of the site passes it, so that the site can be cut off, frozen or
// lost without a process or a network of its own.
//
//	people ──▶ Listener ──┐                ┌── Local  ──▶ providers, own replica
//	                      ├─ broker ───────┤
//	other sites ◀─ Cross ─┘                └── Cross  ──▶ other sites, the writer
//
//	Open     everything passes
//	Cut      nothing passes between this site and the others
//	Frozen   nothing passes at all, and nothing fails either: it waits
//	Gone     nothing passes, and everything that waited fails
//
// A frozen site is not a stopped process: what a goroutine can do between two
// passages it does, timers and files of the site itself included. Nobody outside
// can tell, because nothing of it comes out until the site thaws; and then, as
// after a SIGSTOP, all of its deadlines are over.
//
// What a site is made of, and who turns its state, is decided elsewhere.
package hull
