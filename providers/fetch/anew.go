package fetch

import (
	"context"
	"net/http"
	"net/netip"
)

// pool is connections of one sort: those that are kept between requests, and
// those that serve a single one.
type pool struct{ kept, single *http.Transport }

func (o Options) pool(allow []netip.Prefix) *pool {
	p := &pool{kept: o.transport(allow), single: o.transport(allow)}
	p.single.DisableKeepAlives = true
	return p
}

func (p *pool) of(ctx context.Context) *http.Transport {
	if anew, _ := ctx.Value(anewKey{}).(bool); anew {
		return p.single
	}
	return p.kept
}

type anewKey struct{}

// Anew returns a context whose requests open a connection of their own and close
// it after the answer. A connection that stands outlives the name, the route and
// the certificate by which it was opened: that it answers says nothing about
// whether anybody else gets there.
func Anew(ctx context.Context) context.Context { return context.WithValue(ctx, anewKey{}, true) }
