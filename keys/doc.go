// Package keys holds the signing ring: the keys with which this issuer signs
// its tokens, and their life.
//
//	staged ─▶ published ─▶ active ─▶ retiring ─▶ removed
//	     (from any state: withdrawn, when a key is feared to be stolen)
//
// Each site has keys of its own; a private key never leaves its site unwrapped
// (package wrap). What a site says about a key stands in a manifest signed by
// the site's identity, and the key set is made from manifests alone: it needs no
// living site, and is the same bytes everywhere. A published next key always
// waits, so that rotation, planned or not, meets websites that know it already.
//
// The package signs and verifies every token of ours: by kind, each with a typ
// of its own, and by a key's own algorithm, never by what a token asks for. It
// does not know what claims mean: time, audience and subject are the caller's
// to check. It serves nothing; sealing what travels through browsers is package
// seal's.
package keys
