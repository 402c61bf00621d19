package negative

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bongsu/bongsu/broker/journal"
	"github.com/bongsu/bongsu/broker/journal/journaltest"
	"github.com/bongsu/bongsu/broker/store"
)

func TestAnAppliedFactOutlivesTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "negative.log")
	s := open(t, Options{Path: path})
	apply(t, s, ended("a"))
	apply(t, s, store.Fact{Kind: store.AccountEpoch, ID: "acc", Epoch: 4})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	again := open(t, Options{Path: path})
	stands(t, again, map[string]bool{"a": true, "b": false})
	if got := again.MinEpoch("acc"); got != 4 {
		t.Errorf("MinEpoch = %d, want 4", got)
	}
	if got := again.Unsent(); got != 2 {
		t.Errorf("%d facts wait for the store, want 2", got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("log has mode %v (%v), want 0600", info.Mode(), err)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory has mode %v (%v), want 0700", info.Mode(), err)
	}
}

func TestMemoryAlone(t *testing.T) {
	s := open(t, Options{})
	apply(t, s, ended("a"))
	stands(t, s, map[string]bool{"a": true})
}

func TestRefusedFacts(t *testing.T) {
	tests := []struct {
		name string
		fact store.Fact
		want error
	}{
		{"no kind", store.Fact{ID: "a"}, ErrFact},
		{"no id", store.Fact{Kind: store.SessionEnded}, ErrFact},
		{"an endless id", store.Fact{Kind: store.SessionEnded, ID: strings.Repeat("a", 256)}, ErrFact},
		{"a newline in the id", store.Fact{Kind: store.SessionEnded, ID: "a\nb"}, ErrFact},
		{"an id that is not UTF-8", store.Fact{Kind: store.SessionEnded, ID: "\xff"}, ErrFact},
		{"a lift that the writer did not make", store.Fact{Kind: store.AccountDisabled, ID: "a", Lifted: true}, ErrLift},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, Options{})
			if err := s.Apply(t.Context(), tt.fact); !errors.Is(err, tt.want) {
				t.Errorf("Apply: %v, want %v", err, tt.want)
			}
			if s.Len() != 0 {
				t.Error("something was kept")
			}
		})
	}
}

func TestTheLongestFactFitsALine(t *testing.T) {
	f := store.Fact{
		Kind: store.FactKind(strings.Repeat("\u2028", maxKind/3)), ID: strings.Repeat("\u2028", maxID/3),
		Epoch: 1<<63 - 1, Revision: 1<<63 - 1, Lifted: true, At: noon, Until: noon,
	}
	r := recordOf(f)
	r.Settles, r.Sent, r.Floor = true, 1<<63-1, 1<<63-1
	if !wellFormed(f) {
		t.Fatal("not well formed")
	}
	if n := len(journal.AppendLine(nil, r.encode())); n > journal.MaxLine {
		t.Errorf("line of %d bytes, at most %d can be read", n, journal.MaxLine)
	}
}

func TestLiftedByTheWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "negative.log")
	s := open(t, Options{Path: path})
	apply(t, s, store.Fact{Kind: store.AccountDisabled, ID: "acc", Epoch: 2, Revision: 5})
	if !s.Has(store.AccountDisabled, "acc") {
		t.Fatal("a disabled account is not disabled")
	}
	apply(t, s, store.Fact{Kind: store.AccountDisabled, ID: "acc", Epoch: 3, Revision: 6, Lifted: true})

	check := func(s *Set) {
		t.Helper()
		if s.Has(store.AccountDisabled, "acc") {
			t.Error("the account is still disabled")
		}
		if got := s.MinEpoch("acc"); got != 3 {
			t.Errorf("MinEpoch = %d, want 3: sessions from before stay void", got)
		}
	}
	check(s)
	apply(t, s, store.Fact{Kind: store.AccountDisabled, ID: "acc", Epoch: 2, Revision: 5}) // a slow call, overtaken
	check(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	check(open(t, Options{Path: path}))
}

// Providers are switched off and on by facts whose epochs only grow.
func TestEpochOfAFact(t *testing.T) {
	path := filepath.Join(t.TempDir(), "negative.log")
	s := open(t, Options{Path: path})
	if got := s.Epoch(store.ProviderDisabled, "kakao"); got != 0 {
		t.Errorf("of nothing said the epoch is %d", got)
	}
	for _, f := range []store.Fact{
		{Epoch: 100}, // said here
		{Epoch: 90, Revision: 3},
		{Epoch: 120, Revision: 4, Lifted: true},
		{Epoch: 121}, // said again
	} {
		f.Kind, f.ID = store.ProviderDisabled, "kakao"
		apply(t, s, f)
	}
	for range 2 {
		if got := s.Epoch(store.ProviderDisabled, "kakao"); got != 121 || !s.Has(store.ProviderDisabled, "kakao") {
			t.Errorf("the epoch is %d", got)
		}
		if got := s.Epoch(store.ProviderDisabled, "naver"); got != 0 {
			t.Errorf("naver's epoch is %d", got)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, Options{Path: path})
	}
}

func TestFactsEnd(t *testing.T) {
	now := noon
	s := open(t, Options{Now: func() time.Time { return now }})
	soon, never := ended("soon"), ended("never")
	soon.Until = noon.Add(time.Hour)
	apply(t, s, soon)
	apply(t, s, never)
	past := ended("past")
	past.Until = noon.Add(-time.Second)
	apply(t, s, past)

	now = noon.Add(time.Hour + 30*time.Second) // another site's clock may be behind
	s.sweep()
	stands(t, s, map[string]bool{"soon": true, "never": true, "past": false})

	now = noon.Add(time.Hour + 2*time.Minute)
	s.sweep()
	stands(t, s, map[string]bool{"soon": false, "never": true})
	if s.Len() != 1 || s.Unsent() != 1 {
		t.Errorf("%d facts, %d unsent, want 1 and 1", s.Len(), s.Unsent())
	}
}

func TestOnFact(t *testing.T) {
	path := filepath.Join(t.TempDir(), "negative.log")
	type heard struct {
		ID     string
		Lifted bool
		Epoch  int64
	}
	var got []heard
	o := Options{Path: path, OnFact: func(f store.Fact) { got = append(got, heard{f.ID, f.Lifted, f.Epoch}) }}
	s := open(t, o)
	withdrawn := store.Fact{Kind: store.KeyWithdrawn, ID: "kid"}
	disabled := store.Fact{Kind: store.AccountDisabled, ID: "acc", Epoch: 1, Revision: 1}
	apply(t, s, withdrawn)
	apply(t, s, withdrawn)
	apply(t, s, disabled)
	disabled.Revision, disabled.Epoch, disabled.Lifted = 2, 2, true
	apply(t, s, disabled)
	want := []heard{{"kid", false, 0}, {"acc", false, 1}, {"acc", true, 2}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("heard of changes (-want +got):\n%s", diff)
	}

	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	got = nil
	open(t, o)
	if diff := cmp.Diff([]heard{{"kid", false, 0}}, got); diff != "" {
		t.Errorf("heard after a restart (-want +got):\n%s", diff)
	}
}

func TestOneProcessPerLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "negative.log")
	s := open(t, Options{Path: path})
	if _, err := Open(t.Context(), Options{Path: path}); !errors.Is(err, ErrLocked) {
		t.Fatalf("second Open: %v, want %v", err, ErrLocked)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, Options{Path: path})
	if err := s.Apply(t.Context(), ended("a")); err == nil {
		t.Error("a closed set acknowledges facts")
	}
}

// Whatever happened, a restart changes nothing, be the log as it grew or
// written anew.
func TestARestartChangesNothing(t *testing.T) {
	dir, runs := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		o := Options{Path: filepath.Join(dir, numbered(runs)), Now: at(noon), disk: new(journaltest.Disk).Disk()}
		s, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range rapid.SliceOfN(rapid.Custom(anyStep), 0, 30).Draw(t, "steps") {
			if step.anew {
				s.journal.Distrust()
				err = s.tidy()
			} else {
				err = s.keep(step.records...)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		want := state(s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		again, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		got := state(again)
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(snapshot{}, entry{}, key{})); diff != "" {
			t.Fatalf("the restart changed (-before +after):\n%s", diff)
		}
	})
}

type step struct {
	records []record
	anew    bool
}

func anyStep(t *rapid.T) step {
	if rapid.IntRange(0, 9).Draw(t, "what") == 0 {
		return step{anew: true}
	}
	return step{records: rapid.SliceOfN(rapid.Custom(anyRecord), 1, 3).Draw(t, "records")}
}

func anyRecord(t *rapid.T) record {
	if rapid.IntRange(0, 9).Draw(t, "watermark") == 0 {
		return record{Watermark: rapid.SampledFrom([]int64{-1, 1, 5, 9}).Draw(t, "reached")}
	}
	r := record{
		Kind:  rapid.SampledFrom([]store.FactKind{store.AccountDisabled, store.AccountEpoch}).Draw(t, "kind"),
		ID:    rapid.SampledFrom([]string{"a", "b"}).Draw(t, "id"),
		Epoch: rapid.Int64Range(0, 3).Draw(t, "epoch"), At: noon.UnixMicro(),
		Revision: rapid.Int64Range(0, 4).Draw(t, "revision"),
		Until:    rapid.SampledFrom([]int64{0, noon.Add(time.Hour).UnixMicro(), noon.Add(2 * time.Hour).UnixMicro()}).Draw(t, "until"),
	}
	if r.Revision > 0 {
		r.Lifted = rapid.Bool().Draw(t, "lifted")
		if r.Settles = rapid.Bool().Draw(t, "settles"); r.Settles {
			r.Sent = rapid.Int64Range(0, 3).Draw(t, "sent")
		}
	}
	return r
}

type snapshot struct {
	entries map[key]bool
	epochs  map[string]int64
	unsent  map[key]record
	reached int64
}

// state is all that callers could see.
func state(s *Set) snapshot {
	got := snapshot{entries: map[key]bool{}, epochs: map[string]int64{}, unsent: map[key]record{}, reached: s.Revision()}
	for k, v := range s.entries.Range {
		got.entries[k.(key)] = v.(*entry).stands()
	}
	for _, account := range []string{"a", "b"} {
		got.epochs[account] = s.MinEpoch(account)
	}
	for _, r := range s.waitingRecords() {
		got.unsent[key{r.Kind, r.ID}] = r
	}
	return got
}

func TestManyAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "negative.log")
	s := open(t, Options{Path: path})
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 25 {
				sid := numbered(worker*100 + i)
				if err := s.Apply(t.Context(), ended(sid)); err != nil {
					t.Errorf("Apply: %v", err)
				}
				if !s.Has(store.SessionEnded, sid) {
					t.Errorf("%s was acknowledged and does not stand", sid)
				}
			}
		})
		all.Go(func() {
			for range 5 {
				s.journal.Distrust()
				if err := s.tidy(); err != nil {
					t.Errorf("tidy: %v", err)
				}
			}
		})
	}
	all.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, Options{Path: path})
	if again.Len() != 200 || again.Unsent() != 200 {
		t.Errorf("%d facts and %d unsent after a restart, want 200 of both", again.Len(), again.Unsent())
	}
}

func BenchmarkHas(b *testing.B) {
	s, err := Open(b.Context(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	for i := range 10000 {
		if err := s.Apply(b.Context(), ended(numbered(i))); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if s.Has(store.SessionEnded, "sid-unknown") {
			b.Fatal("unknown session has ended")
		}
	}
}
