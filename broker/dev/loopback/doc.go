// Package loopback keeps dev mode on this machine.
//
// [Listen] opens a port on the loopback addresses and nowhere else, and [Guard]
// answers only requests that name a loopback host, so that a web page elsewhere
// cannot reach a developer's instance by a name it resolves to 127.0.0.1. What
// is served behind them is decided elsewhere.
package loopback
