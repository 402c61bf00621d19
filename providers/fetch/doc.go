// Package fetch is the only outgoing HTTP of the program. It owns where the
// program may connect to and how long and how much it listens: public
// addresses only unless a range was opened, checked after the name was
// resolved and at the moment of connecting; no redirects, no proxy, no
// cookies; every answer bounded in size and time. A request that got no answer
// says how far it came ([Code]).
//
// It does not know what it fetches. Retries, caching and the meaning of an
// answer belong to its callers.
package fetch
