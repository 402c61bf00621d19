// Package health is what a site knows of its providers, and what follows from
// it for the next login.
//
//	logins ──Observe──▶ counters ─┐
//	probes ──Probed───▶ streaks ──┼─Tick─▶ judge ▶ gate ▶ decide ──▶ Snapshot ──▶ choice, status
//	other nodes ─Merge▶ records ──┘          │                 └──▶ Changed
//	                                         └──▶ own record, signed ──▶ whoever carries bytes
//
// Only what strangers cannot forge is evidence: our own calls to a provider,
// our own probes, and the comings and goings of browsers that completed a login
// by that provider before. Everything else only hurries probes. Local success
// beats any number of peers that say "down"; a verdict reorders, it never hides
// a way (no weight is ever 0) and never changes what a login must prove.
//
// The package asks nobody and carries nothing: probes run in broker/health/probe,
// records travel by broker/cluster, which it does not import. It never hears of
// providers that an operator disabled. DESIGN.md tells the model and argues
// every constant.
package health
