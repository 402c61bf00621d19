// Package demo is Hanbit Store, the website that dev mode logs in to.
//
// It is an ordinary OpenID Connect client, built on the libraries that other
// websites use, and knows nothing of Bongsu but its issuer: whatever stops
// behind the issuer, this code stays as it is. It shows what it was given: who
// came, by which ways so far, and the ID token as received.
//
//	/ ──▶ /login ──▶ issuer ──▶ /callback ──▶ /
//	/logout ──▶ issuer's end_session_endpoint ──▶ /
//
// What it keeps of a browser lies in memory, is bounded and is forgotten. The
// two hooks of [Options], what stands still and who logged in, are the only
// threads to the rest of dev mode.
package demo
