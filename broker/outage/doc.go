// Package outage knows which providers an operator declared to be gone for a
// while. It reads the store once a second, so that every node of every site
// knows within moments, and is asked without lock or wait.
//
// It is an operator's word and no verdict: it moves nothing on a menu, and
// health never hears of it. What it is good for is time: sessions that such a
// provider gave may live on longer (broker/session).
package outage
