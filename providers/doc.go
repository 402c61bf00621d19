// Package providers is the contract that every upstream fulfils, and what it
// hands back: who came ([Identity]) and how each step of the leg went
// ([Outcome]).
//
// A leg is one round trip of a browser to a provider:
//
//	Begin ──▶ the provider's page ──▶ callback ──▶ Finish: code → token → keys → userinfo
//
// The package holds no HTTP and no state. Adapters live in packages of their
// own: openid and oauth2 for the two protocols, one small package for the
// quirks of each provider, catalog to build them from configuration, fetch for
// every outgoing request, fakeidp to stand in for all of them in tests and dev.
// It never imports broker: what a proven identity is worth is decided there.
package providers
