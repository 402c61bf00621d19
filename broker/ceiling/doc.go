// Package ceiling keeps what this node sends to a provider below what that
// provider is known to bear. When one provider disappears everyone wants in by
// the next one, and a fallback that breaks under its guests is none.
//
// It counts legs that begin, and nothing else: callbacks and token exchanges
// carry work already done and are never turned away. What happens to a login
// that does not get in is not decided here.
package ceiling
