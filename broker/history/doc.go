// Package history keeps what happened to each account lately, for the person whose
// account it is: what, when, at which website, by which way, from which site and
// what sort of device. It holds no address of theirs, fifty events of an account,
// and none older than 90 days.
//
// It listens to audit events and writes to the store in batches, beside the
// requests: no login waits for it. What a crash or a long outage loses of it is
// lost; security teams read the audit log instead.
package history
