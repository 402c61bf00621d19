// Package switchboard breaks the simulated providers and shows what happens:
// one page for people, one JSON interface for scripts, and the providers'
// own pages below their names.
//
//	GET    /faults             {"faults":{"kakao":"dark","naver":null}}
//	GET    /faults/kinds       {"kinds":["dark",…],"about":{"dark":"…"},"providers":{"naver":["dark",…]}}
//	GET    /faults/{provider}  {"provider":"kakao","fault":"dark"}
//	PUT    /faults/{provider}  takes {"fault":"dark"}, answers as GET
//	DELETE /faults/{provider}  heals, answers as GET
//	GET    /events             {"events":[…]}, newest first; ?after=N only later ones, ?lang=ko in words of that language
//
// Errors are {"error":"unknown_fault","description":"…"} with 400 for what
// cannot be read or is no fault, 404 for what is no provider, 409 for a fault
// the provider cannot have, 413 for a body above 4 KiB.
//
// It changes nothing but faults: how a provider then fails is fakeidp's, what
// the broker makes of it the broker's. No other website may use it: requests
// that a browser sends from elsewhere are refused.
package switchboard
