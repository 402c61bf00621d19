// Package switchboard breaks the simulated providers and shows what happens:
// one page for people, one JSON interface for scripts, and the providers'
// own pages below their names.
//
//	GET    /faults             {"faults":{"kakao":"dark","naver":null}}
//	GET    /faults/kinds       {"kinds":["dark",…],"about":{"dark":"…"},"providers":{"naver":["dark",…]}}
//	GET    /faults/{provider}  {"provider":"kakao","fault":"dark"}
//	PUT    /faults/{provider}  takes {"fault":"dark"} or a script, answers as GET
//	DELETE /faults/{provider}  heals, answers as GET
//	GET    /sites              {"sites":[{"site":"seoul","url":"http://localhost:8427","state":"ok","writer":true}],"writer":"seoul"},
//	                           in the order in which they are asked; "writer" is null while no site has it
//	GET    /sites/{site}       one of them
//	PUT    /sites/{site}       takes {"state":"dead"}, "frozen", "cut" or "ok", answers as GET once it is so
//	GET    /events             {"events":[…]}, newest first; ?after=N only later ones, ?lang=ko in words of that language
//
// A fault is narrowed by members beside it, which [fakeidp.Scope] explains:
//
//	{"fault":"token-down","variant":"timeout","share":0.5,"by":"person","for":"2m"}
//	{"fault":"slow","endpoints":["token"],"devices":["mobile","app"],"new":true}
//	{"fault":"core-down","sources":["10.1.0.0/16","seoul"],"people":["minji"],"until":"2026-11-22T16:00:00Z"}
//
// and changes over time by a script, whose phases without a fault are health:
//
//	{"script":[{"after":"0s","fault":"dark"},{"after":"60s","fault":"core-down","share":0.85},{"after":"5m"}]}
//
// Errors are {"error":"unknown_fault","description":"…"} with 400 for what
// cannot be read, is no fault or no scope of it, 404 for what is no provider or site, 409
// for a fault the provider cannot have or a state the site cannot be in, 413 for a
// body above 32 KiB, 503 for a site that did not start.
//
// It changes nothing but faults and the states of sites: how a provider then fails
// is fakeidp's, how a site does is package dev's, what the broker makes of it the
// broker's. No other website may use it: requests
// that a browser sends from elsewhere are refused.
package switchboard
