package backchannel

import (
	"context"
	"time"
)

// poll is how often the feed and the queue are looked at.
const poll = time.Second

// unknown is no revision: nobody can say whether there is news.
const unknown = -1

// factsAtOnce is how many facts are read at a time.
const factsAtOnce = 200

// Run follows the feed of facts and tells websites, until ctx ends. Any number
// of nodes may run it: the store sees to it that each attempt is one node's.
func (n *Notifier) Run(ctx context.Context) {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	failing := false
	seen := int64(unknown) // the feed as it was when it was last followed to its end
	for {
		var err error
		if now := n.o.Revision(); now == unknown || now != seen {
			if err = n.follow(ctx); err == nil {
				seen = now
			}
		}
		if failed := err != nil; failed != failing {
			failing = failed
			if failed {
				n.complain(ctx, "follow facts", err)
			}
		}
		if !failing {
			n.tell(ctx)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-n.wake:
		}
	}
}

// Wake makes a running notifier look at the feed now. It never blocks.
func (n *Notifier) Wake() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// follow queues what the facts since last time have ended, and moves the mark
// after that: what is read twice is queued once.
func (n *Notifier) follow(ctx context.Context) error {
	mark, err := n.o.Store.LogoutFeed(ctx)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		facts, err := n.o.Store.FactsSince(ctx, mark, factsAtOnce)
		if err != nil || len(facts) == 0 {
			return err
		}
		for _, f := range facts {
			if _, err := n.queue(ctx, f); err != nil {
				return err
			}
			mark = f.Revision
		}
		if err := n.o.Store.AdvanceLogoutFeed(ctx, mark); err != nil {
			return err
		}
	}
	return ctx.Err()
}
