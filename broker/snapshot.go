package broker

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/bongsu/bongsu/broker/snapshot"
	"github.com/bongsu/bongsu/broker/store"
)

// snapshotAge is how old what is kept of the store may be when nobody says.
const snapshotAge = 7 * 24 * time.Hour

// feedAfterSilence is how long a start waits for the feed of negative facts of a
// store that has not answered before.
const feedAfterSilence = 500 * time.Millisecond

// errContradicted keeps a node from answering anybody with what the store says is
// not so.
var errContradicted = fmt.Errorf("this node started with secrets that are not the store's: restart it: %w", store.ErrUnavailable)

// openSnapshot opens what this node keeps of the store to start without it. A node
// without a directory keeps nothing.
func (b *Broker) openSnapshot(context.Context) error {
	if b.config.DataDir == "" {
		return nil
	}
	var err error
	b.snapshot, err = snapshot.Open(snapshot.Options{
		Dir:    filepath.Join(b.config.DataDir, "snapshot"),
		Issuer: b.config.Issuer.String(), Site: b.config.Site, Node: b.node(),
		SiteKey: b.config.SiteKey, ClusterKey: b.config.ClusterKey,
		MaxAge: cmp.Or(b.config.Snapshot.MaxAge, snapshotAge),
		Now:    b.options.Now, Logger: b.logger, Registerer: b.metrics.registry,
	})
	return err
}

// closeSnapshot ends the start: what the store does not answer from now on is not
// answered from the disk. What negative facts took back stays so: a node whose log of
// them is behind what it kept does not start.
func (b *Broker) closeSnapshot(context.Context) error {
	return b.snapshot.Started(b.negative)
}

// followStore has what came from the disk read anew as soon as the store answers.
func (b *Broker) followStore(ctx context.Context) {
	b.snapshot.Run(ctx, b.sealing.Keep, b.signing.Keep, b.roster.Refresh, b.instances.Read, b.secrets.Read, b.outages.Read)
}

// keptSecrets are the small secrets of the deployment, which are kept. A store that
// comes back with others would have this node tell websites wrong subjects: it serves
// nobody any more.
func (b *Broker) keptSecrets() store.Secrets {
	return b.snapshot.Secrets(b.store, func(string) { b.contradicted.Store(true) })
}
