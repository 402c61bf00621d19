// Package providertest is what every provider must survive: one suite, run by
// the tests of each provider against its simulated upstream in package fakeidp.
//
//	walk a browser to the upstream and back ──▶ break something ──▶ Finish ──▶ look at everything
//
// Whatever is broken, the same holds of every Finish: the error is one
// [*providers.Error] of one kind, no identity stands beside it, each step was
// told once and in order, the code went to the token endpoint at most once, and
// no secret and nothing that the upstream wrote stands in the error.
//
// The same provider is probed, healthy and broken: no probe is ok without an
// answer that is known to be healthy, and none speaks against a provider for
// what is our own fault.
//
// It does not test what is special about a provider; that is in its own tests.
package providertest
