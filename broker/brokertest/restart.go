package brokertest

import (
	"net/http"
	"sync/atomic"

	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/store/sqlstore"
)

// current is the handler of the broker that runs now.
type current struct{ handler atomic.Value } // of http.HandlerFunc

func (c *current) be(h http.Handler) { c.handler.Store(http.HandlerFunc(h.ServeHTTP)) }

// ServeHTTP implements [http.Handler].
func (c *current) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.handler.Load().(http.HandlerFunc)(w, r)
}

// Restart ends the broker, has between change what lies on the disk and in the
// database, and builds another broker at the same addresses, with the same
// upstreams and a configuration that between may change. Twins are not restarted.
func (n *Node) Restart(between func(*config.Config)) {
	n.t.Helper()
	if n.twin != nil {
		n.t.Fatal("twins are not restarted")
	}
	n.stop()
	next := *n.config
	between(&next)
	n.config = &next
	n.Broker, n.stop = n.run(n.config)
	n.public.be(n.Broker.Handler())
	n.private.be(n.Broker.AdminHandler())
}

// Behind has the broker that the next [Node.Restart] builds, and those after it, see
// the database as between says, and returns the store as nothing lies between. It is
// called once.
func (n *Node) Behind(between func(*sqlstore.Store) sqlstore.Between) *sqlstore.Store {
	n.t.Helper()
	opened, err := sqlstore.Open(n.t.Context(), sqlstore.Options{
		Driver: n.config.Store.Driver, Path: n.config.Store.Path, Writer: n.config.Store.Writer, Reader: n.config.Store.Reader,
		Now: n.Clock.Now,
	})
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		n.stop() // before what it works on
		if err := opened.Close(); err != nil {
			n.t.Errorf("close store: %v", err)
		}
	})
	n.shared = opened.Behind(between(opened))
	return opened
}
