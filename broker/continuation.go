package broker

import (
	"context"
	"net/http"
	"time"

	"github.com/bongsu/bongsu/broker/continuation"
)

// buildContinuation builds what knows browsers that logged in before, for when no
// database answers.
func (b *Broker) buildContinuation(context.Context) error {
	var err error
	b.known, err = continuation.New(continuation.Options{
		Jar: b.jar, Seal: b.sealing, Negatives: b.negative, FactsRead: b.factsRead, Now: b.options.Now,
	})
	return err
}

// stale reports whether this site is cut off for longer than S.
func (b *Broker) stale() bool { return b.contact.State().Stale }

// factsRead is when this node, in this life or the one before, has last read the
// negative facts to their end.
func (b *Broker) factsRead() time.Time {
	read, kept := b.negative.ReadAt(), b.snapshot.FactsRead()
	if kept.After(read) {
		return kept
	}
	return read
}

// forgetDevice forgets what a browser is known by, when its session is taken away.
func (b *Broker) forgetDevice(w http.ResponseWriter) { b.known.Forget(w) }
