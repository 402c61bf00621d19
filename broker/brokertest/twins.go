package brokertest

import (
	"context"
	"database/sql"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/negative"
)

// everywhere reports whether every node that a test starts without a database of
// its own is to be twins: deploy/test.sh runs the walk a second time so.
func everywhere() bool { return os.Getenv("BONGSU_TEST_TWINS") != "" }

// Twins makes the node two of one site on one PostgreSQL database, and gives
// each request to the other one than the request before: whatever one of them
// keeps for itself is missed by the next step. A request waits until both have
// read every negative fact there is, as they have within R.
//
// [Node.Broker] and [Node.Admin] are the first of them.
func Twins(t testing.TB) func(*Setup) {
	t.Helper()
	database := OnPostgres(t)
	return func(s *Setup) {
		database(s)
		s.Twins = true
	}
}

// factsWithin bounds how long a request waits for the twins to know all facts:
// when the database is away they never do.
const factsWithin = 3 * time.Second

// twin is the second of two.
type twin struct {
	Broker *broker.Broker

	config  *config.Config
	handler current
	stop    func()
	chosen  atomic.Int32 // who gets the requests; 0: each in turn
}

// Twin returns the second of twins.
func (n *Node) Twin() *broker.Broker { return n.twin.Broker }

// Choose has one of the twins get all requests, 1 or 2, whatever facts the other
// knows; 0: each in turn again.
func (n *Node) Choose(which int32) { n.twin.chosen.Store(which) }

// RestartTwin ends the second of twins, calls between, and builds it again with
// what lies on its disk. Meanwhile its requests meet nobody.
func (n *Node) RestartTwin(between func()) {
	n.t.Helper()
	n.twin.handler.be(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	n.twin.stop()
	between()
	n.twin.Broker, n.twin.stop = n.run(n.twin.config)
	n.twin.handler.be(n.twin.Broker.Handler())
}

// door gives requests to both handlers in turn.
func (n *Node) door(first, second http.Handler) http.Handler {
	db := n.OpenDatabase()
	n.t.Cleanup(func() {
		if err := db.Close(); err != nil {
			n.t.Errorf("close: %v", err)
		}
	})
	var count atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		chosen := int64(n.twin.chosen.Load())
		if chosen == 0 {
			n.settle(r.Context(), db)
			chosen = count.Add(1)
		}
		if chosen%2 == 1 {
			first.ServeHTTP(w, r)
		} else {
			second.ServeHTTP(w, r)
		}
	})
}

// settle waits until both twins know every fact: first that the store has what
// either of them said, then that both have read so far.
func (n *Node) settle(ctx context.Context, db *sql.DB) {
	ctx, cancel := context.WithTimeout(ctx, factsWithin)
	defer cancel()
	first, second := n.Broker.Negative(), n.twin.Broker.Negative()
	for first.Unsent()+second.Unsent() > 0 && pause(ctx) {
	}
	var newest int64
	if err := db.QueryRowContext(ctx, "SELECT revision FROM feed").Scan(&newest); err != nil {
		return // the database is away
	}
	for _, facts := range []*negative.Set{first, second} {
		for facts.Revision() < newest && pause(ctx) {
			facts.Hurry()
		}
	}
}

// pause waits a little and reports whether there is time left.
func pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(5 * time.Millisecond):
		return true
	}
}
