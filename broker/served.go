package broker

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/bongsu/bongsu/broker/borrow"
	"github.com/bongsu/bongsu/broker/peer"
)

const (
	// servedQuestion asks a node whether it serves a key, whose id is the body.
	servedQuestion = "keys.served"

	servedAtOnce = 8 // nodes that are asked
)

var servedYes = []byte("yes")

// answerServed tells other nodes whether the key set of this one has a key.
func (b *Broker) answerServed(_ context.Context, _ peer.Node, body []byte) ([]byte, error) {
	if b.signing.Serves(string(body)) {
		return servedYes, nil
	}
	return nil, nil
}

// served reports whether every node that gossip knows serves a key, and every
// configured site has such a node. Where nodes cannot ask each other the publish
// window has to do.
func (b *Broker) served(ctx context.Context, keyID string) bool {
	if b.config.Peers == nil || b.config.Gossip == nil {
		return true
	}
	if b.wire == nil || b.peer == nil {
		return false // not yet
	}
	missing := make(map[string]bool)
	for _, name := range b.siteNames() {
		missing[name] = name != b.config.Site
	}
	nodes := b.others()
	for _, n := range nodes {
		delete(missing, n.Site)
	}
	for _, absent := range missing {
		if absent {
			return false
		}
	}
	return b.allServe(ctx, nodes, keyID)
}

// allServe asks nodes, a few at a time.
func (b *Broker) allServe(ctx context.Context, nodes []borrow.Node, keyID string) bool {
	var no atomic.Bool
	var asking sync.WaitGroup
	free := make(chan struct{}, servedAtOnce)
	for _, n := range nodes {
		free <- struct{}{}
		asking.Go(func() {
			defer func() { <-free }()
			if no.Load() {
				return
			}
			answer, err := b.wire.Ask(ctx, n.Name, servedQuestion, []byte(keyID))
			if err != nil || string(answer) != string(servedYes) {
				no.Store(true)
			}
		})
	}
	asking.Wait()
	return !no.Load()
}
