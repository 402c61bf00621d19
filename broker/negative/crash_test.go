package negative

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/bongsu/bongsu/broker/journal"
	"github.com/bongsu/bongsu/broker/journal/journaltest"
	"github.com/bongsu/bongsu/broker/store"
)

// crashed returns a log with the given content at a new path.
func crashed(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "negative.log")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// A crash in the middle of a write costs what was not acknowledged and nothing
// else, wherever it cut the write off, and whatever the file system left behind.
func TestACrashLosesNothingAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "negative.log")
	s := open(t, Options{Path: path})
	apply(t, s, ended("a"))
	apply(t, s, store.Fact{Kind: store.AccountDisabled, ID: "acc", Epoch: 1, Revision: 3})
	apply(t, s, ended("b"))
	acknowledged := len(read(t, path))
	apply(t, s, ended("c"))
	whole := read(t, path)

	tails := map[string]func(cut int) []byte{
		"cut off": func(cut int) []byte { return whole[:cut] },
		"filled up with zeros": func(cut int) []byte {
			return append(bytes.Clone(whole[:cut]), make([]byte, len(whole)-cut)...)
		},
		"followed by an older block": func(cut int) []byte {
			return append(bytes.Clone(whole[:cut]), bytes.Repeat([]byte("x\n"), 9)...)
		},
	}
	for name, tail := range tails {
		t.Run(name, func(t *testing.T) {
			for cut := acknowledged; cut < len(whole); cut++ {
				o := Options{Path: crashed(t, tail(cut)), Now: at(noon), disk: new(journaltest.Disk).Disk()}
				again := open(t, o)
				stands(t, again, map[string]bool{"a": true, "b": true, "c": false})
				apply(t, again, ended("d"))
				if err := again.Close(); err != nil {
					t.Fatal(err)
				}
				after := open(t, o)
				stands(t, after, map[string]bool{"a": true, "b": true, "c": false, "d": true})
				if !after.Has(store.AccountDisabled, "acc") {
					t.Fatalf("cut at %d: the account is enabled again", cut)
				}
			}
		})
	}
}

// A damaged line in the middle costs that line until the store, read from the
// start, has said it again.
func TestADamagedLogIsReadAgainFromTheStore(t *testing.T) {
	w := new(writer)
	path := filepath.Join(t.TempDir(), "negative.log")
	for _, sid := range []string{"a", "b", "c"} {
		w.say(ended(sid))
	}
	s := open(t, Options{Path: path, Store: w})
	if s.Revision() != 3 {
		t.Fatalf("read the feed up to %d, want 3", s.Revision())
	}
	content := read(t, path)
	content[bytes.IndexByte(content, '\n')+20] ^= 1

	w.set(func() { w.err = store.ErrUnavailable })
	o := Options{Path: crashed(t, content), Store: w}
	alone := open(t, o)
	stands(t, alone, map[string]bool{"a": true, "b": false, "c": true})
	if alone.Revision() != 0 {
		t.Errorf("goes on reading at %d, want 0", alone.Revision())
	}
	if err := alone.tidy(); err != nil {
		t.Fatal(err)
	}
	if err := alone.Close(); err != nil {
		t.Fatal(err)
	}

	w.set(func() { w.err = nil })
	again := open(t, o)
	stands(t, again, map[string]bool{"a": true, "b": true, "c": true})
	if again.Revision() != 3 {
		t.Errorf("read the feed up to %d, want 3", again.Revision())
	}
}

// When the disk fails, the fact is obeyed and not acknowledged; once the disk
// works again, the log says all of it.
func TestAFailingDisk(t *testing.T) {
	for name, fails := range journaltest.Failures() {
		t.Run(name, func(t *testing.T) {
			d := new(journaltest.Disk)
			path := filepath.Join(t.TempDir(), "negative.log")
			s := open(t, Options{Path: path, disk: d.Disk()})
			apply(t, s, ended("before"))

			d.Set(fails)
			for _, sid := range []string{"during", "during too"} {
				if err := s.Apply(t.Context(), ended(sid)); !errors.Is(err, journaltest.ErrFull) {
					t.Fatalf("Apply on a broken disk: %v, want %v", err, journaltest.ErrFull)
				}
			}
			stands(t, s, map[string]bool{"before": true, "during": true, "during too": true})
			stands(t, open(t, Options{Path: crashed(t, read(t, path))}), map[string]bool{"before": true})

			d.Mend()
			apply(t, s, ended("after"))
			stands(t, open(t, Options{Path: crashed(t, read(t, path))}),
				map[string]bool{"before": true, "during": true, "during too": true, "after": true})
		})
	}
}

// Nothing is acknowledged into a new log that a crash could still exchange for
// the old one.
func TestWritingTheLogAnewFails(t *testing.T) {
	broken := errors.New("input/output error")
	tests := []struct {
		name string
		at   func(*journaltest.Disk) *error
	}{
		{"while it is written", func(d *journaltest.Disk) *error { return &d.Write }},
		{"while it is synced", func(d *journaltest.Disk) *error { return &d.Sync }},
		{"when it takes the old one's place", func(d *journaltest.Disk) *error { return &d.Rename }},
		{"when the directory is synced", func(d *journaltest.Disk) *error { return &d.SyncDir }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := new(journaltest.Disk)
			path := filepath.Join(t.TempDir(), "negative.log")
			s := open(t, Options{Path: path, disk: d.Disk()})
			apply(t, s, ended("a"))
			s.journal.Distrust()

			*tt.at(d) = broken
			if err := s.tidy(); !errors.Is(err, broken) {
				t.Fatalf("tidy: %v, want %v", err, broken)
			}
			if err := s.Apply(t.Context(), ended("b")); !errors.Is(err, broken) {
				t.Fatalf("Apply: %v, want %v", err, broken)
			}
			stands(t, open(t, Options{Path: crashed(t, read(t, path))}), map[string]bool{"a": true})

			*tt.at(d) = nil
			apply(t, s, ended("c"))
			stands(t, open(t, Options{Path: crashed(t, read(t, path))}), map[string]bool{"a": true, "b": true, "c": true})
		})
	}
}

// grown is how many lines of one fact are more than a log keeps.
const grown = 4099

func TestTheLogStaysInProportion(t *testing.T) {
	d := new(journaltest.Disk)
	path := filepath.Join(t.TempDir(), "negative.log")
	s := open(t, Options{Path: path, disk: d.Disk()})
	for range grown {
		apply(t, s, ended("a"))
	}
	before := len(read(t, path))
	if err := s.tidy(); err != nil {
		t.Fatal(err)
	}
	if after := len(read(t, path)); after >= before/1000 {
		t.Errorf("the log of one fact has %d bytes, it had %d", after, before)
	}
	apply(t, s, ended("b"))
	stands(t, open(t, Options{Path: crashed(t, read(t, path))}), map[string]bool{"a": true, "b": true})
}

// What many say while one sync runs shares the next.
func TestOneSyncForMany(t *testing.T) {
	d := new(journaltest.Disk)
	s := open(t, Options{Path: filepath.Join(t.TempDir(), "negative.log"), disk: d.Disk()})
	batches := make([]*journal.Batch, 50)
	for i := range batches {
		batches[i] = s.journal.Append(recordOf(ended(numbered(i))).encode())
	}
	var all sync.WaitGroup
	for _, b := range batches {
		all.Go(func() {
			if err := s.journal.Commit(b); err != nil {
				t.Errorf("commit: %v", err)
			}
		})
	}
	all.Wait()
	if d.Writes != 1 || d.Syncs != 1 {
		t.Errorf("%d writes and %d syncs for 50 facts, want one of each", d.Writes, d.Syncs)
	}
}
