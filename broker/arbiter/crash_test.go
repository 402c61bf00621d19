package arbiter

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bongsu/bongsu/broker/journal/journaltest"
	"github.com/bongsu/bongsu/broker/store"
)

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// crashed returns a log with the given content at a new path.
func crashed(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "claims.log")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A crash in the middle of a write costs what was not acknowledged and nothing
// else, wherever it cut the write off, and whatever the file system left behind.
func TestACrashForgetsNoUsedCode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "claims.log")
	l := open(t, LogOptions{Path: path})
	claims(t, l, grant("a", "code", 1), nil)
	claims(t, l, grant("b", "code", 1), nil)
	if err := l.shipped(l.oldest(1)); err != nil {
		t.Fatal(err)
	}
	acknowledged := len(read(t, path))
	claims(t, l, grant("c", "code", 1), nil)
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
			for cut := acknowledged; cut < len(whole); cut += 7 {
				o := LogOptions{Path: crashed(t, tail(cut)), disk: new(journaltest.Disk).Disk()}
				again := open(t, o)
				claims(t, again, grant("a", "code", 2), store.ErrReplayed)
				claims(t, again, grant("b", "other", 1), store.ErrUsed)
				claims(t, again, grant("c", "code", 2), nil) // nobody was given anything for it
				if again.Waiting() != 2 {
					t.Fatalf("cut at %d: %d wait, want 2", cut, again.Waiting())
				}
				if err := again.Close(); err != nil {
					t.Fatal(err)
				}
				claims(t, open(t, o), grant("c", "code", 3), store.ErrReplayed)
			}
		})
	}
}

// Whatever a kill leaves of a log between two steps on the disk, no code that was
// acknowledged before is used again.
func TestAKillBetweenAnyTwoSteps(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "claims.log")
	var acknowledged []string
	var left [][]byte   // of the log, after each step
	var said [][]string // what was acknowledged by then
	d := &journaltest.Disk{Step: func() {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		left, said = append(left, content), append(said, bytesOf(acknowledged))
	}}
	l := open(t, LogOptions{Path: path, disk: d.Disk()})
	for i, login := range []string{"a", "b", "c", "d"} {
		claims(t, l, grant(login, "code", 1), nil)
		d.Set(func(*journaltest.Disk) { acknowledged = append(acknowledged, login) })
		if i == 1 {
			if err := l.shipped(l.oldest(9)); err != nil {
				t.Fatal(err)
			}
		}
		if i == 2 {
			l.journal.Distrust() // the next is written into a new file
		}
	}
	if len(left) < 12 {
		t.Fatalf("%d steps are too few to be all", len(left))
	}
	for i, content := range left {
		again := open(t, LogOptions{Path: crashed(t, content), disk: new(journaltest.Disk).Disk()})
		for _, login := range said[i] {
			claims(t, again, grant(login, "code", 2), store.ErrReplayed)
		}
	}
}

func bytesOf(names []string) []string { return append([]string(nil), names...) }

// When the disk fails, nothing is given and nothing is used; once it works again
// the same attempt, or another, is the first.
func TestAFullDiskGivesNothing(t *testing.T) {
	for name, fails := range journaltest.Failures() {
		t.Run(name, func(t *testing.T) {
			d := new(journaltest.Disk)
			path := filepath.Join(t.TempDir(), "claims.log")
			l := open(t, LogOptions{Path: path, disk: d.Disk()})
			claims(t, l, grant("before", "code", 1), nil)

			d.Set(fails)
			claims(t, l, grant("during", "code", 1), store.ErrUnavailable)
			claims(t, l, grant("during", "code", 1), store.ErrUnavailable)
			claims(t, l, grant("other", "code", 1), store.ErrUnavailable)
			claims(t, l, grant("before", "code", 2), store.ErrReplayed) // that is a fact all the same
			if _, err := l.Grant("during-code-1"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("a grant that was not given: %v", err)
			}

			d.Mend()
			claims(t, l, grant("during", "code", 1), nil)
			claims(t, l, grant("other", "code", 2), nil)
			again := open(t, LogOptions{Path: crashed(t, read(t, path))})
			claims(t, again, grant("during", "code", 2), store.ErrReplayed)
			if first := claims(t, again, grant("other", "code", 3), store.ErrReplayed); first != "other-code-2" {
				t.Errorf("the first was %s", first)
			}
		})
	}
}

// A damaged line may have said that a code was used: what was issued until then
// is not decided any more, what comes is.
func TestADamagedLogDecidesNothingOfThePast(t *testing.T) {
	c := new(clock)
	path := filepath.Join(t.TempDir(), "claims.log")
	l := open(t, LogOptions{Path: path, Now: c.now})
	claims(t, l, grant("a", "code", 1), nil)
	claims(t, l, grant("b", "code", 1), nil)
	content := read(t, path)
	content[bytes.Index(content, []byte("a-code-1"))] ^= 1
	c.move(10 * time.Second)
	again := open(t, LogOptions{Path: crashed(t, content), Now: c.now})
	claims(t, again, grant("a", "code", 2), store.ErrUnavailable)
	claims(t, again, grant("b", "code", 2), store.ErrReplayed)
	if _, err := again.Claim(t.Context(), grant("c", "code", 1), c.now()); err != nil {
		t.Errorf("a code of now: %v", err)
	}
}

// A disk that hangs keeps nobody waiting for long, and what it has in the end counts.
func TestADiskThatHangs(t *testing.T) {
	d := new(journaltest.Disk)
	path := filepath.Join(t.TempDir(), "claims.log")
	synctest.Test(t, func(t *testing.T) {
		thaw := make(chan struct{})
		l := open(t, LogOptions{Path: path, disk: d.Disk()})
		d.Set(func(d *journaltest.Disk) { d.Step = func() { <-thaw } })
		began := time.Now()
		claims(t, l, grant("a", "code", 1), store.ErrUnavailable)
		if took := time.Since(began); took != claimWithin {
			t.Errorf("took %s", took)
		}
		close(thaw)
		claims(t, l, grant("a", "code", 1), nil)
		claims(t, l, grant("a", "code", 2), store.ErrReplayed)
	})
}

// Many claims share one sync.
func TestManyClaimsShareASync(t *testing.T) {
	d := new(journaltest.Disk)
	l := open(t, LogOptions{disk: d.Disk()})
	before := d.Syncs
	batches := make([]*claim, 50)
	for i := range batches {
		c, mine, err := l.enter(grant(string(rune('A'+i)), "code", 1), noon)
		if err != nil || !mine {
			t.Fatalf("%t, %v", mine, err)
		}
		batches[i] = c
	}
	var all sync.WaitGroup
	for _, c := range batches {
		all.Go(func() {
			if err := l.settle(c, true); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if d.Syncs-before != 1 || l.Waiting() != 50 {
		t.Errorf("%d syncs for %d claims", d.Syncs-before, l.Waiting())
	}
}
