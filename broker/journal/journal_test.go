package journal

import (
	"bytes"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// What a later program means by its lines nobody knows here: its log is left as it
// is, and whoever needs it does not start.
func TestALogOfALaterProgram(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.log")
	text := AppendLine(AppendLine(AppendLine(nil, []byte(`{"format":1}`)), []byte("said")), []byte(`{"format":x`))
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	o, found := open(t, path)
	if !slices.Equal(o.said, []string{"said", `{"format":x`}) || found.Damaged != 0 {
		t.Errorf("read %q, %+v", o.said, found)
	}
	if err := o.log.Close(); err != nil {
		t.Fatal(err)
	}
	text = AppendLine(text, []byte(`{"format":2,"more":true}`))
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // it is not locked afterwards either
		_, _, err := Open(Options{Path: path, Name: "test log", Read: func([]byte) bool { return true }})
		if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "format is 2") {
			t.Errorf("Open: %v", err)
		}
	}
	if left, err := os.ReadFile(path); err != nil || !bytes.Equal(left, text) {
		t.Errorf("the log was changed: %q, %v", left, err)
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
