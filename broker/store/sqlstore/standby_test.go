package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/store/pgtest"
	"github.com/bongsu/bongsu/broker/store/storetest"
)

// deployment is a primary and two standbys, of which one is this site's reader and
// the other takes over.
type deployment struct {
	primary, heir, local *pgtest.Server
	options              Options
}

func newDeployment(t *testing.T) deployment {
	t.Helper()
	d := deployment{primary: pgtest.Primary(t)}
	d.heir, d.local = d.primary.Standby(), d.primary.Standby()
	d.primary.Synchronous(1)
	dsn := d.primary.Database("sqlstore", migrate)
	d.local.CatchUp(d.primary)
	all, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*pgtest.Server{d.heir, d.local} {
		all.Host += fmt.Sprintf(",127.0.0.1:%d", s.Port())
	}
	d.options = Options{Driver: Postgres, Writer: all.String(), Reader: d.local.On(dsn)}
	return d
}

// takeOver has the heir write, once the primary can do so no more.
func (d *deployment) takeOver() time.Duration {
	began := time.Now()
	if d.local.Reached() > d.heir.Reached() {
		// In quorum any of the two may hold the last commit: nobody else may lead.
		d.heir, d.local = d.local, d.heir
	}
	d.heir.Promote()
	return time.Since(began)
}

// reading looks known people up until stop, which returns how many look-ups there
// were, the slowest, and what failed.
func reading(t *testing.T, n int, s *Store, key store.IdentityKey) (stop func() (looked int, slowest time.Duration, failures []error)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	var running sync.WaitGroup
	var looked int
	var slowest time.Duration
	var failures []error
	for range n {
		running.Go(func() {
			for ctx.Err() == nil {
				began := time.Now()
				_, err := s.AccountByIdentity(context.WithoutCancel(ctx), key, 0)
				mu.Lock()
				looked, slowest = looked+1, max(slowest, time.Since(began))
				if err != nil {
					failures = append(failures, err)
				}
				mu.Unlock()
				wait(ctx, time.Millisecond)
			}
		})
	}
	return func() (int, time.Duration, []error) {
		cancel()
		running.Wait()
		return looked, slowest, failures
	}
}

// The writer is killed, or frozen, and a standby takes over: claims go on in about
// a second, people are looked up all the while, and nothing that was acknowledged
// is lost or given twice.
func TestWriterIsLostAndReplaced(t *testing.T) {
	tests := []struct {
		name   string
		lose   func(*pgtest.Server)
		within time.Duration // until claims are answered again, on a busy machine
	}{
		{"killed", (*pgtest.Server).Kill, 5 * time.Second},
		{"frozen", (*pgtest.Server).Freeze, 8 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDeployment(t)
			s := mustOpen(t, d.options)
			_, key := openAccount(t, s)
			d.local.CatchUp(d.primary)
			var mu sync.Mutex
			var acknowledged []store.Grant
			claims := func(ctx context.Context) error {
				g := newGrant(t)
				got, err := s.ClaimCode(ctx, g)
				if err == nil && got == g.ID {
					mu.Lock()
					acknowledged = append(acknowledged, g)
					mu.Unlock()
				}
				return err
			}
			stopClaims, stopReads := load(t, 16, claims), reading(t, 4, s, key)
			eventually(t, 10*time.Second, claims)
			began := time.Now()
			tt.lose(d.primary)
			promoted := d.takeOver()
			eventually(t, 30*time.Second, claims)
			took := time.Since(began)
			gap, failures := stopClaims()
			looked, slowest, unread := stopReads()
			t.Logf("promoted in %s; claims go on %s after the writer was %s (the longest time without one: %s, %d failed); "+
				"%d look-ups meanwhile, the slowest %s, %d failed", promoted, took, tt.name, gap, len(failures), looked, slowest, len(unread))
			for _, err := range slices.Concat(failures, unread) {
				wantUnavailable(t, err)
			}
			if took-promoted > tt.within || len(unread) > 0 || slowest > defaultTimeout+3*time.Second {
				t.Errorf("claims came %s after the promotion; %d look-ups failed, the slowest took %s", took-promoted, len(unread), slowest)
			}
			for _, g := range acknowledged {
				again := g
				again.ID = newID(t)
				if first, err := s.ClaimCode(t.Context(), again); !errors.Is(err, store.ErrReplayed) || first != g.ID {
					t.Fatalf("an acknowledged claim is gone: %q, %v", first, err)
				}
			}
		})
	}
}

// asked is what a verb said, and how long that took.
type asked struct {
	storetest.Verb

	err  error
	took time.Duration
}

// askAll calls all at once.
func askAll(t *testing.T, all []storetest.Verb) []asked {
	t.Helper()
	said := make([]asked, len(all))
	var asking sync.WaitGroup
	for i, v := range all {
		asking.Go(func() {
			began := time.Now()
			err := v.Call(context.WithoutCancel(t.Context()))
			said[i] = asked{v, err, time.Since(began)}
		})
	}
	asking.Wait()
	return said
}

// From the moment the writer freezes every verb ends in its time: what the replica
// may answer is answered, by those that ask the writer first after half of a verb's
// time at most, and at once when the writer has been left; what the writer must
// decide is not known.
func TestEveryVerbWhileTheWriterIsFrozen(t *testing.T) {
	const slack = defaultTimeout/2 - 100*time.Millisecond // of a busy machine; who waits for the writer in vain waits longer
	d := newDeployment(t)
	s := mustOpen(t, d.options)
	all := storetest.Verbs(t, s)
	d.local.CatchUp(d.primary)
	d.primary.Freeze()
	for _, round := range []struct {
		name   string
		within time.Duration
	}{{"at once", defaultTimeout/2 + slack}, {"when the writer has been left", slack}} {
		var answered, refused asked
		for _, v := range askAll(t, all) {
			slowest := &refused
			if v.Answered {
				slowest = &answered
			}
			if v.took > slowest.took {
				*slowest = v
			}
			if v.Answered != (v.err == nil) || v.err != nil && !errors.Is(v.err, store.ErrUnavailable) {
				t.Errorf("%s, %s: %v", round.name, v.Name, v.err)
			}
		}
		t.Logf("%s: of %d verbs the slowest that was answered is %s, %s, and the slowest that was refused %s, %s",
			round.name, len(all), answered.Name, answered.took, refused.Name, refused.took)
		if answered.took > round.within || refused.took > defaultTimeout+3*time.Second {
			t.Error("somebody waited for a writer whose word is not needed, or longer than a verb may take")
		}
	}
	d.primary.Kill()
}

// A commit that a standby has not confirmed is none, and neither is its beat: a
// primary that has lost its standbys is no writer.
func TestNoBeatWithoutAStandby(t *testing.T) {
	d := newDeployment(t)
	s := mustOpen(t, d.options)
	first, err := s.WriteBeat(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d.heir.Kill()
	if second, err := s.WriteBeat(t.Context()); err != nil || second.Count <= first.Count {
		t.Errorf("with one standby left: %+v, %v", second, err)
	}
	d.local.Kill()
	_, err = s.WriteBeat(t.Context())
	wantUnavailable(t, err)
	_, err = s.ReplicaBeat(t.Context())
	wantUnavailable(t, err)
	d.local.Restart()
	eventually(t, 30*time.Second, func(ctx context.Context) error { _, err := s.WriteBeat(ctx); return err })
	eventually(t, 30*time.Second, func(ctx context.Context) error { _, err := s.ReplicaBeat(ctx); return err })
}

// A write of unknown outcome may stand on a primary that was started anew and nowhere
// else. Nobody is told that it is done before another server has it, though the second
// attempt finds it there and writes nothing.
func TestAnUnknownWriteIsNotDoneBeforeAStandbyHasIt(t *testing.T) {
	d := newDeployment(t)
	d.options.Reader, d.options.Timeout = "", 8*time.Second
	s := mustOpen(t, d.options)
	a, key := openAccount(t, s)
	link := store.Link{IdentityKey: store.IdentityKey{Provider: "naver", Subject: key.Subject}, AccountID: a.ID, CreatedAt: noon}
	ask := func(ctx context.Context) error {
		_, err := s.LinkIdentityEndSessions(ctx, link, a.Epoch, noon)
		return err
	}
	d.heir.Kill()
	d.local.Kill()
	done := make(chan error, 1)
	go func() { done <- ask(context.WithoutCancel(t.Context())) }()
	db := raw(t, d.options)
	eventually(t, 10*time.Second, func(ctx context.Context) error {
		var waiting int
		err := db.QueryRowContext(ctx, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'").Scan(&waiting)
		if err == nil && waiting == 0 {
			err = errors.New("no commit waits for a standby")
		}
		return err
	})
	d.primary.Kill()
	d.primary.Restart()
	var there int
	eventually(t, 10*time.Second, func(ctx context.Context) error {
		return db.QueryRowContext(ctx, "SELECT count(*) FROM links WHERE provider = 'naver' AND subject = $1", key.Subject).Scan(&there)
	})
	if there != 1 {
		t.Fatalf("the primary shows the link %d times, and is to show it alone", there)
	}
	wantUnavailable(t, <-done)
	d.local.Restart()
	eventually(t, 30*time.Second, ask)
}
