// Package contact tells what this node may do now: it knows whether the store's
// writer takes writes, whether this site's replica answers and how old it is, and
// whether more than half of the sites are in contact.
//
//	own beat written, at most 5 s ago        W ─┐
//	records of more than half of the sites   C ─┼─ Decide ──▶ State: Full │ WriterLost │ CutOff │ Alone
//	replica answered, at most 5 s ago        D ─┘               └──▶ log, metrics, OnChange
//
// A beat is written and one is read every second, beside logins and never for
// one: [Watch.State] takes no lock and asks nobody. All ages are taken on this
// machine's monotonic clock; no two machines' clocks are compared, and what a
// replica holds is as old as the last change of its beat that was seen here.
//
// The package decides nothing about a login and nothing about a provider, is no
// arbiter and moves no writer: the database's own tool does that. What follows
// from a mode stands where it is used.
package contact
