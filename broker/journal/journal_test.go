package journal

import (
	"bytes"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// owner keeps what a log says in memory, as its owners do.
type owner struct {
	log  *Journal
	said []string
}

func open(t *testing.T, path string) (*owner, Found) {
	t.Helper()
	o := new(owner)
	log, found, err := Open(Options{
		Path: path, Name: "test log",
		Read: func(body []byte) bool {
			if string(body) == "nonsense" {
				return false
			}
			o.said = append(o.said, string(body))
			return true
		},
		All: func() iter.Seq[[]byte] {
			return func(yield func([]byte) bool) {
				for _, text := range o.said {
					if !yield([]byte(text)) {
						return
					}
				}
			}
		},
	})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	o.log = log
	t.Cleanup(func() { _ = log.Close() })
	return o, found
}

func (o *owner) say(t *testing.T, text string) {
	t.Helper()
	o.said = append(o.said, text)
	if err := o.log.Commit(o.log.Append([]byte(text))); err != nil {
		t.Fatalf("Commit: %v", err)
	}
}

func TestOneProcessPerLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "test.log")
	first, _ := open(t, path)
	_, _, err := Open(Options{Path: path, Name: "test log"})
	if !errors.Is(err, ErrLocked) {
		t.Fatalf("second Open: %v, want %v", err, ErrLocked)
	}
	if err := errors.Join(first.log.Close(), first.log.Close()); err != nil {
		t.Fatal(err)
	}
	if err := first.log.Commit(first.log.Append([]byte("late"))); !errors.Is(err, ErrClosed) {
		t.Errorf("Commit after Close: %v, want %v", err, ErrClosed)
	}
	open(t, path)
}

// Damage costs the damaged lines, says so, and is gone with the next thing said.
func TestDamageIsWrittenOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.log")
	before, _ := open(t, path)
	for _, text := range []string{"a", "b", "nonsense", "c"} {
		before.say(t, text)
	}
	if err := before.log.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[bytes.IndexByte(content, 'a')] ^= 1
	if err := os.WriteFile(path, append(content, "torn"...), 0o600); err != nil {
		t.Fatal(err)
	}
	again, found := open(t, path)
	if !slices.Equal(again.said, []string{"b", "c"}) || found.Damaged != 2 || !found.Torn || found.Lines != 2 {
		t.Fatalf("read %q, %+v", again.said, found)
	}
	again.say(t, "d")
	if err := again.log.Close(); err != nil {
		t.Fatal(err)
	}
	after, found := open(t, path)
	// d stands there twice: it was in memory already when all of it was written.
	if !slices.Equal(slices.Compact(after.said), []string{"b", "c", "d"}) || found.Damaged != 0 || found.Torn {
		t.Errorf("read %q, %+v", after.said, found)
	}
}
