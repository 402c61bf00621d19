// Package fakeidp plays whole upstreams behind one [http.Handler]: the pages a
// browser sees, the endpoints a broker calls, the people who sign in, and the
// ways all of it fails.
//
//	/{upstream}/… ──▶ fault? ──▶ delay ──▶ replaced answer? ──▶ the dialect's own answer
//
// An upstream speaks one [Dialect]: real paths below its name, and real
// deviations from the standards. A dialect is one file; a [Fault] is one value
// that every endpoint asks before it answers. Tests reach deeper by the knobs of
// [Upstream], which lie about claims, headers, keys, times and documents.
//
// It listens on nothing, keeps nothing, and never proves anybody: whoever
// presses the button is the person the page names. What goes wrong below HTTP
// (names, connections, certificates) belongs to the listener in front of it.
package fakeidp
