package sqlstore

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/store/sqlstore/sqltrace"
)

// hold keeps the writer busy in a job of its own until the returned function is
// called, which returns what the job was told.
func hold(t *testing.T, s *Store) (letGo func() error) {
	t.Helper()
	held, free := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- s.writer.write(context.WithoutCancel(t.Context()), once, func(context.Context, session) error {
			close(held)
			<-free
			return nil
		})
	}()
	<-held
	letGo = sync.OnceValue(func() error {
		close(free)
		return <-done
	})
	t.Cleanup(func() { _ = letGo() })
	return letGo
}

// queued waits until n jobs wait for the writer.
func queued(t *testing.T, s *Store, n int) {
	t.Helper()
	queue := s.writer.(*sqliteEngine).writer.queue
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for len(queue) < n {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("they never queued")
		}
	}
}

func TestCommitsAreShared(t *testing.T) {
	o := sqliteOptions(t)
	o.Timeout = time.Minute
	s, tracer := traced(t, o)
	const claims = 300
	letGo := hold(t, s)
	before := tracer.Counts()
	said := make([]error, claims)
	grants := make([]store.Grant, claims)
	var running sync.WaitGroup
	for i := range claims {
		grants[i] = newGrant(t)
		running.Go(func() { _, said[i] = s.ClaimCode(t.Context(), grants[i]) })
	}
	queued(t, s, claims)
	if err := letGo(); err != nil {
		t.Error(err)
	}
	running.Wait()
	for _, err := range said {
		if err != nil {
			t.Error(err)
		}
	}
	// The one that held the writer shares with the first 255.
	if got, want := tracer.Counts().Since(before), (sqltrace.Counts{Writes: claims, Commits: 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Jobs of one transaction that fail, in every way that is a fact, leave nothing
// of theirs and take nothing of the others'.
func TestJobsDoNotHarmEachOther(t *testing.T) {
	o := sqliteOptions(t)
	o.Timeout = time.Minute
	s, tracer := traced(t, o)
	a, key := openAccount(t, s)
	taken := newGrant(t)
	if _, err := s.ClaimCode(t.Context(), taken); err != nil {
		t.Fatal(err)
	}
	second := newGrant(t)
	second.ID = taken.ID // another login's
	orphan := store.Link{IdentityKey: store.IdentityKey{Provider: "naver", Subject: "1"}, AccountID: newID(t)}
	fresh := a
	fresh.ID = newID(t)
	bad := []struct {
		name string
		call func(ctx context.Context) error
		want error
	}{
		{"an account with a taken identity", func(ctx context.Context) error { return s.OpenAccount(ctx, fresh, key) }, store.ErrConflict},
		{"a link to nobody", func(ctx context.Context) error { return s.LinkIdentity(ctx, orphan) }, store.ErrNotFound},
		{"a grant of another login", func(ctx context.Context) error { _, err := s.ClaimCode(ctx, second); return err }, store.ErrConflict},
		{"the end of nobody's sessions", func(ctx context.Context) error { _, err := s.EndSessions(ctx, newID(t), noon); return err }, store.ErrNotFound},
		{"an account that is enabled twice", func(ctx context.Context) error { _, err := s.EnableAccount(ctx, a.ID, noon); return err }, nil},
	}
	letGo := hold(t, s)
	before := tracer.Counts()
	var running sync.WaitGroup
	said, claims := make([]error, len(bad)), make([]error, len(bad))
	for i, b := range bad {
		g := newGrant(t)
		running.Go(func() { said[i] = b.call(t.Context()) })
		running.Go(func() { _, claims[i] = s.ClaimCode(t.Context(), g) })
	}
	queued(t, s, 2*len(bad))
	if err := letGo(); err != nil {
		t.Error(err)
	}
	running.Wait()
	for i, b := range bad {
		if !errors.Is(said[i], b.want) || claims[i] != nil {
			t.Errorf("%s: got %v, want %v; the claim beside it: %v", b.name, said[i], b.want, claims[i])
		}
	}
	if got := tracer.Counts().Since(before).Commits; got != 1 {
		t.Errorf("%d commits, want one", got)
	}
	if _, err := s.Account(t.Context(), fresh.ID, 0); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("half of an account stayed: %v", err)
	}
	facts, err := s.FactsSince(t.Context(), 0, 10)
	if err != nil || len(facts) != 1 || facts[0].Revision != 1 {
		t.Errorf("the feed is %+v, %v; revisions were spent on nothing", facts, err)
	}
}

// An answer rests on the commit: when that fails, nobody is told anything, not
// even those who would have been told no.
func TestFailedTransactionTellsNobodyAnything(t *testing.T) {
	for _, at := range []string{"INSERT INTO grants", "COMMIT"} {
		t.Run(at, func(t *testing.T) {
			o := sqliteOptions(t)
			o.Timeout = time.Minute
			s, tracer := traced(t, o)
			letGo := hold(t, s)
			grants := []store.Grant{newGrant(t), newGrant(t)}
			grants[1].LoginID = grants[0].LoginID
			said := make([]error, len(grants))
			var running sync.WaitGroup
			for i, g := range grants {
				running.Go(func() { _, said[i] = s.ClaimCode(t.Context(), g) })
				queued(t, s, i+1)
			}
			failed := errors.New("disk failure")
			tracer.Before(func(statement string) error {
				if strings.HasPrefix(statement, at) {
					return failed
				}
				return nil
			})
			wantUnavailable(t, letGo())
			running.Wait()
			for _, err := range said {
				wantUnavailable(t, err)
				if !errors.Is(err, failed) {
					t.Errorf("got %v, which does not say why", err)
				}
			}
			tracer.Before(nil)
			if _, err := s.ClaimCode(t.Context(), grants[1]); err != nil {
				t.Errorf("the claim that was undone stays in the way: %v", err)
			}
		})
	}
}

func TestTransactionThatDoesNotBegin(t *testing.T) {
	s, tracer := traced(t, sqliteOptions(t))
	failed := errors.New("disk failure")
	tracer.Before(func(string) error { return failed })
	wantUnavailable(t, s.Ping(t.Context()))
	tracer.Before(nil)
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestCallerWhoLeaves(t *testing.T) {
	o := sqliteOptions(t)
	o.Timeout = time.Minute
	s, tracer := traced(t, o)
	letGo := hold(t, s)
	ctx, leave := context.WithCancel(t.Context())
	g, said := newGrant(t), make(chan error)
	go func() {
		_, err := s.ClaimCode(ctx, g)
		said <- err
	}()
	queued(t, s, 1)
	leave()
	err := <-said
	wantUnavailable(t, err)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	before := tracer.Counts()
	if err := letGo(); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := tracer.Counts().Since(before).Writes; got != 1 {
		t.Errorf("%d writes, want the ping alone: nobody waits for the claim, and it had not begun", got)
	}
}

func TestCloseFinishesWhatRuns(t *testing.T) {
	o := sqliteOptions(t)
	o.Timeout = time.Minute
	s := mustOpen(t, o)
	letGo := hold(t, s)
	g, said := newGrant(t), make(chan error, 1)
	go func() {
		_, err := s.ClaimCode(t.Context(), g)
		said <- err
	}()
	queued(t, s, 1)
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	select {
	case err := <-closed:
		t.Fatalf("closed before the verb had ended: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	if err := errors.Join(letGo(), <-said, <-closed); err != nil {
		t.Fatal(err)
	}
	wantUnavailable(t, s.Ping(t.Context()))
	again := mustOpen(t, o)
	if _, err := again.ClaimCode(t.Context(), g); err != nil {
		t.Errorf("the claim is not there: %v", err)
	}
}
