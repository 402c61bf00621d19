package broker

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net/http"
	"net/netip"
)

// exchange is what this package holds of one request, in one piece of memory.
type exchange struct {
	answer
	visit

	requestID [1]string // the support code, as a header's values
}

func (b *Broker) exchange(w http.ResponseWriter, r *http.Request) *exchange {
	x := &exchange{answer: answer{ResponseWriter: w}, visit: visit{Context: r.Context()}}
	x.support = newSupportCode()
	x.requestID[0] = x.support
	if parent := r.Header["Traceparent"]; len(parent) > 0 && b.fromProxy(r) {
		x.trace = traceID(parent[0])
	}
	return x
}

type visitorKey struct{}

// visitor is what a request's context says of it.
type visitor struct {
	support string
	address netip.Addr // zero: nobody trustworthy says, or nobody asks
	trace   string     // of a trusted proxy; empty: none
}

// visit is the context of a request.
type visit struct {
	context.Context
	visitor
}

// Value implements [context.Context].
func (v *visit) Value(key any) any {
	if key == (visitorKey{}) {
		return &v.visitor
	}
	return v.Context.Value(key)
}

// visitorOf is who visits; nil outside a request.
func visitorOf(ctx context.Context) *visitor {
	v, _ := ctx.Value(visitorKey{}).(*visitor)
	return v
}

// crockford has no letters that are read for one another.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// newSupportCode names a request so that a person can read it out: "7F3K-92QD".
// It tells requests apart and is no secret.
func newSupportCode() string {
	var raw [8]byte
	binary.LittleEndian.PutUint64(raw[:], rand.Uint64())
	var code [9]byte
	for i, c := range raw {
		at := i
		if i >= 4 {
			at++
		}
		code[at] = crockford[c%32]
	}
	code[4] = '-'
	return string(code[:])
}

func supportCode(ctx context.Context) string {
	if v := visitorOf(ctx); v != nil {
		return v.support
	}
	return ""
}

func addressOf(ctx context.Context) netip.Addr {
	if v := visitorOf(ctx); v != nil {
		return v.address
	}
	return netip.Addr{}
}
