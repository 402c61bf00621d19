// Package probe decides when providers are asked whether they live, and asks.
//
//	Hurry ──▶ pace ▸ due? ──▶ providers.Prober ──▶ Board
//	          canaries ──▶ fetch ──▶ Board
//
// A healthy provider is met rarely: connection and metadata every [ShallowEvery]
// by one node of each site, login page and token endpoint every [DeepEvery] by
// one site of all; the login page takes the place of metadata where a provider has
// none. One that is under suspicion is asked at once and then every
// [HurriedEvery], at most [PerMinute] times a minute, until it is good again:
// mostly by the level that fails, or else the deepest, and by every other before
// long, because a token endpoint that answers says nothing about a login page. A
// provider that wants to be left alone is, once it is known whether it fails, and
// so is one that is retired. Canaries are places that have nothing to do with
// providers: if they too are out of reach, the trouble is ours.
//
// It does not judge: what an answer means is the provider's to say, what follows
// from it the board's. It never stands in the way of a login.
package probe
