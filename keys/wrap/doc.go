// Package wrap protects small secrets at rest: private signing keys and site
// identities under the site's key, the sealing ring and provider secrets under
// the cluster's. It is AES-256-GCM with random nonces, and what is wrapped
// opens only under the name it was wrapped for, so a row moved to another row
// of the database is refused.
//
// The package knows neither files nor environment nor where the secret comes
// from, and it does not rotate: a ring above it does. It is not for what
// travels through browsers; that is package seal's.
package wrap
