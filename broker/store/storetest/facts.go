package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

func record(t testing.TB, s Store, f store.Fact) store.Fact {
	t.Helper()
	return must[store.Fact](t)(s.RecordFact(t.Context(), f))
}

func lastRevision(t testing.TB, s Store) int64 {
	t.Helper()
	var last int64
	for {
		page := must[[]store.Fact](t)(s.FactsSince(t.Context(), last, 100))
		if len(page) == 0 {
			return last
		}
		last = page[len(page)-1].Revision
	}
}

func wantNothingSince(t testing.TB, s Store, revision int64) {
	t.Helper()
	if page := must[[]store.Fact](t)(s.FactsSince(t.Context(), revision, 10)); len(page) != 0 {
		t.Fatalf("the feed goes on after %d: %+v", revision, page)
	}
}

func testFacts(t *testing.T, o Options) {
	s := o.New(t)
	tests := []struct {
		name string
		run  func(t *testing.T)
	}{
		{"every kind of fact gets the next revision and comes back as it was", func(t *testing.T) {
			last := lastRevision(t, s)
			for i, kind := range []store.FactKind{
				store.AccountDisabled, store.AccountEpoch, store.SessionEnded, store.GrantRevoked, store.KeyWithdrawn, "another_kind",
			} {
				f := store.Fact{Kind: kind, ID: newID(t), Epoch: 3, At: noon, Until: noon.Add(time.Hour)}
				got := record(t, s, f)
				f.Revision = last + int64(i) + 1
				wantSame(t, got, f)
				wantSame(t, must[[]store.Fact](t)(s.FactsSince(t.Context(), f.Revision-1, 10)), []store.Fact{f})
			}
		}},
		{"the feed's revision is the newest, also when its fact is gone", func(t *testing.T) {
			f := record(t, s, store.Fact{Kind: store.SessionEnded, ID: newID(t), At: noon, Until: noon.Add(time.Hour)})
			wantSame(t, must[int64](t)(s.FeedRevision(t.Context())), f.Revision)
			for must[int](t)(s.PurgeFacts(t.Context(), noon.Add(2*time.Hour), 100)) > 0 {
			}
			wantSame(t, must[int64](t)(s.FeedRevision(t.Context())), f.Revision)
		}},
		{"a fact said again changes nothing", func(t *testing.T) {
			f := store.Fact{Kind: store.SessionEnded, ID: newID(t), At: noon, Until: noon.Add(time.Hour)}
			first := record(t, s, f)
			f.At, f.Until = noon.Add(time.Minute), noon.Add(time.Second)
			wantSame(t, record(t, s, f), first)
			wantNothingSince(t, s, first.Revision)
		}},
		{"a later end is news, and never shortens", func(t *testing.T) {
			f := store.Fact{Kind: store.GrantRevoked, ID: newID(t), At: noon, Until: noon.Add(time.Hour)}
			first := record(t, s, f)
			f.Until = noon.Add(2 * time.Hour)
			second := record(t, s, f)
			if second.Revision != first.Revision+1 || !second.Until.Equal(f.Until) {
				t.Fatalf("got %+v after %+v", second, first)
			}
			f.Until = time.Time{}
			third := record(t, s, f)
			if third.Revision != second.Revision+1 || !third.Until.IsZero() {
				t.Fatalf("got %+v after %+v", third, second)
			}
			f.Until = noon.Add(9 * time.Hour)
			wantSame(t, record(t, s, f), third)
		}},
		{"a higher epoch is news, a lower one is not", func(t *testing.T) {
			f := store.Fact{Kind: store.AccountEpoch, ID: newID(t), Epoch: 4, At: noon}
			first := record(t, s, f)
			f.Epoch = 3
			wantSame(t, record(t, s, f), first)
			f.Epoch = 5
			if second := record(t, s, f); second.Epoch != 5 || second.Revision != first.Revision+1 {
				t.Fatalf("got %+v after %+v", second, first)
			}
		}},
		{"a fact takes the account with it", func(t *testing.T) {
			a := open(t, s, newKey(t))
			record(t, s, store.Fact{Kind: store.AccountEpoch, ID: a.ID, Epoch: 7, At: noon})
			record(t, s, store.Fact{Kind: store.AccountDisabled, ID: a.ID, Epoch: 2, At: noon})
			a.Epoch, a.Disabled = 7, true
			wantSame(t, must[store.Account](t)(s.Account(t.Context(), a.ID, 7)), a)
		}},
		{"the writer lifts a fact that was only said", func(t *testing.T) {
			a := open(t, s, newKey(t))
			said := record(t, s, store.Fact{Kind: store.AccountDisabled, ID: a.ID, Epoch: 3, At: noon})
			lifted := must[store.Fact](t)(s.EnableAccount(t.Context(), a.ID, noon))
			if !lifted.Lifted || lifted.Epoch != 4 || lifted.Revision != said.Revision+1 {
				t.Fatalf("got %+v after %+v", lifted, said)
			}
			now := must[store.Account](t)(s.Account(t.Context(), a.ID, 4))
			if now.Disabled || now.Epoch != 4 {
				t.Errorf("account is %+v", now)
			}
		}},
		{"what comes after the writer lifted it has lost", func(t *testing.T) {
			a := open(t, s, newKey(t))
			lifted := must[store.Fact](t)(s.EnableAccount(t.Context(), a.ID, noon))
			late := store.Fact{Kind: store.AccountDisabled, ID: a.ID, Epoch: 1, At: noon}
			wantSame(t, record(t, s, late), lifted)
			wantNothingSince(t, s, lifted.Revision)
			if must[store.Account](t)(s.Account(t.Context(), a.ID, 2)).Disabled {
				t.Error("the account is disabled")
			}
			late.Epoch = lifted.Epoch
			if again := record(t, s, late); again.Lifted || again.Revision != lifted.Revision+1 {
				t.Errorf("a new fact of the new epoch gave %+v", again)
			}
		}},
		{"the feed comes in pages, ascending", func(t *testing.T) {
			last := lastRevision(t, s)
			for i := range 7 {
				record(t, s, store.Fact{Kind: store.SessionEnded, ID: fmt.Sprint(newID(t), i), At: noon})
			}
			var got []int64
			for at := last; ; {
				page := must[[]store.Fact](t)(s.FactsSince(t.Context(), at, 3))
				for _, f := range page {
					got = append(got, f.Revision-last)
				}
				if len(page) < 3 {
					break
				}
				at = page[len(page)-1].Revision
			}
			wantSame(t, got, []int64{1, 2, 3, 4, 5, 6, 7})
			for _, limit := range []int{0, -1} {
				if page := must[[]store.Fact](t)(s.FactsSince(t.Context(), 0, limit)); len(page) != 0 {
					t.Errorf("a page of %d holds %d facts", limit, len(page))
				}
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, tt.run)
	}
	t.Run("facts that nobody needs any more are purged, a few at a time", func(t *testing.T) { testPurgeFacts(t, o.New(t)) })
}

func testPurgeFacts(t *testing.T, s Store) {
	ends := []time.Time{noon, noon.Add(time.Second), noon.Add(2 * time.Second), {}}
	for i, end := range ends {
		record(t, s, store.Fact{Kind: store.SessionEnded, ID: fmt.Sprint("s", i), At: noon, Until: end})
	}
	purge := func(at time.Time, limit, want int) {
		t.Helper()
		if gone := must[int](t)(s.PurgeFacts(t.Context(), at, limit)); gone != want {
			t.Fatalf("purged %d facts, want %d", gone, want)
		}
	}
	purge(noon, 10, 0)
	purge(noon.Add(time.Hour), 0, 0)
	purge(noon.Add(time.Hour), 1, 1)
	purge(noon.Add(time.Hour), 10, 2)
	left := must[[]store.Fact](t)(s.FactsSince(t.Context(), 0, 10))
	if len(left) != 1 || left[0].ID != "s3" {
		t.Fatalf("left are %+v", left)
	}
	if next := record(t, s, store.Fact{Kind: store.SessionEnded, ID: "s4", At: noon}); next.Revision != 5 {
		t.Errorf("the next revision is %d, want 5", next.Revision)
	}
}

// testFeed reads the feed while facts of all kinds are recorded. A reader that
// has seen a revision never hears of a lower one it has not seen, unless that
// one was superseded.
func testFeed(t *testing.T, o Options) {
	s := o.New(t)
	const sayers, each = 8, 12
	accounts := make([]string, sayers)
	for i := range accounts {
		accounts[i] = open(t, s, newKey(t)).ID
	}
	done := make(chan struct{})
	heard := make(chan map[int64]bool, 1)
	go func() {
		seen := map[int64]bool{}
		defer func() { heard <- seen }()
		for last, more := int64(0), true; more; {
			select {
			case <-done: // once more after the last was said
				more = false
			default:
			}
			page, err := s.FactsSince(t.Context(), last, 7)
			if err != nil {
				t.Errorf("FactsSince: %v", err)
				return
			}
			for _, f := range page {
				if f.Revision <= last {
					t.Errorf("revision %d after %d", f.Revision, last)
				}
				last, seen[f.Revision] = f.Revision, true
			}
			more = more || len(page) == 7
		}
	}()
	said := race(t.Context(), sayers, func(ctx context.Context, i int) error {
		for n := range each {
			if err := sayOne(ctx, s, accounts, i, n); err != nil {
				return err
			}
		}
		return nil
	})
	close(done)
	seen := <-heard
	for i, err := range said {
		if err != nil {
			t.Errorf("sayer %d: %v", i, err)
		}
	}
	standing := must[[]store.Fact](t)(s.FactsSince(t.Context(), 0, 1000))
	for _, f := range standing {
		if !seen[f.Revision] {
			t.Errorf("the reader skipped revision %d (%s)", f.Revision, f.Kind)
		}
	}
	if last := standing[len(standing)-1].Revision; last != sayers*each {
		t.Errorf("the last of %d facts has revision %d", sayers*each, last)
	}
}

// sayOne says something new.
func sayOne(ctx context.Context, s Store, accounts []string, i, n int) error {
	var err error
	switch n % 4 {
	case 0:
		_, err = s.DisableAccount(ctx, accounts[i], noon)
	case 1:
		_, err = s.EnableAccount(ctx, accounts[i], noon)
	case 2:
		_, err = s.EndSessions(ctx, accounts[(i+n)%len(accounts)], noon)
	default:
		_, err = s.RecordFact(ctx, store.Fact{Kind: store.SessionEnded, ID: fmt.Sprint(i, "-", n), At: noon})
	}
	return err
}
