package storetest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/broker/store"
)

func testBeats(t *testing.T, o Options) {
	tests := []struct {
		name string
		run  func(t *testing.T, s Store)
	}{
		{"every beat counts one more", func(t *testing.T, s Store) {
			first := must[store.Beat](t)(s.WriteBeat(t.Context()))
			second := must[store.Beat](t)(s.WriteBeat(t.Context()))
			wantSame(t, second, store.Beat{Count: first.Count + 1, Incarnation: first.Incarnation})
			if first.Count < 1 || len(first.Incarnation) < 32 || len(first.Incarnation) > store.MaxIncarnation {
				t.Errorf("the first beat is %+v", first)
			}
			wantSame(t, must[string](t)(s.Incarnation(t.Context())), first.Incarnation)
		}},
		{"of racing beats each counts", func(t *testing.T, s Store) {
			const n = 20
			before := must[store.Beat](t)(s.WriteBeat(t.Context()))
			counts := make([]int64, n)
			for i, err := range race(t.Context(), n, func(ctx context.Context, i int) error {
				b, err := s.WriteBeat(ctx)
				counts[i] = b.Count
				return err
			}) {
				if err != nil {
					t.Errorf("caller %d: %v", i, err)
				}
			}
			slices.Sort(counts)
			for i, got := range counts {
				if want := before.Count + int64(i) + 1; got != want {
					t.Fatalf("got counts %v after %d", counts, before.Count)
				}
			}
		}},
		{"an incarnation is renewed by one of those who noticed", func(t *testing.T, s Store) {
			was := must[string](t)(s.Incarnation(t.Context()))
			names, stands := []string{"first", "second", "third", "fourth"}, make([]string, 4)
			for i, err := range race(t.Context(), len(names), func(ctx context.Context, i int) (err error) {
				stands[i], err = s.RenewIncarnation(ctx, was, names[i])
				return err
			}) {
				if err != nil {
					t.Errorf("caller %d: %v", i, err)
				}
			}
			now := must[string](t)(s.Incarnation(t.Context()))
			if !slices.Contains(names, now) || slices.ContainsFunc(stands, func(s string) bool { return s != now }) {
				t.Errorf("it is called %q, and they were told %q", now, stands)
			}
			wantSame(t, must[string](t)(s.RenewIncarnation(t.Context(), was, "late")), now)
			wantSame(t, must[store.Beat](t)(s.WriteBeat(t.Context())).Incarnation, now)
		}},
		{"a name has bounds", func(t *testing.T, s Store) {
			for _, next := range []string{"", strings.Repeat("a", store.MaxIncarnation+1), "was", "a\x00"} {
				_, err := s.RenewIncarnation(t.Context(), "was", next)
				wantInvalid(t, err)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, o.New(t)) })
	}
}

// A replica's beat tells what the replica knows: neither does the writer answer
// for it, nor does it need the writer.
func testReplicaBeat(t *testing.T, r Replica) {
	first := must[store.Beat](t)(r.Store.WriteBeat(t.Context()))
	r.CatchUp()
	second := must[store.Beat](t)(r.Store.WriteBeat(t.Context()))
	wantSame(t, must[store.Beat](t)(r.Store.ReplicaBeat(t.Context())), first)
	r.LoseWriter()
	wantSame(t, must[store.Beat](t)(r.Store.ReplicaBeat(t.Context())), first)
	r.CatchUp()
	wantSame(t, must[store.Beat](t)(r.Store.ReplicaBeat(t.Context())), second)
	_, err := r.Store.WriteBeat(t.Context())
	wantUnavailable(t, err)
	_, err = r.Store.Incarnation(t.Context()) // a replica cannot say that it was not renewed
	wantUnavailable(t, err)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = r.Store.ReplicaBeat(ended)
	wantUnavailable(t, err)
}
