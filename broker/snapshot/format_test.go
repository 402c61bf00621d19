package snapshot

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A node's files as a program of before has written them. One that is missing is
// written with BONGSU_TEST_UPDATE_FORMATS=1; one that is there stays as it is.
func TestFilesOfBeforeAreRead(t *testing.T) {
	h := newHouse(t)
	written := filepath.Join("testdata", "written")
	if os.Getenv("BONGSU_TEST_UPDATE_FORMATS") != "" {
		h.update(written)
	}
	want, err := h.start(h.open())
	if err != nil {
		t.Fatal(err)
	}
	h.o.Dir = t.TempDir()
	if err := os.CopyFS(h.o.Dir, os.DirFS(written)); err != nil {
		t.Fatal(err)
	}
	h.away.Store(true)
	got, err := h.start(h.open())
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, (-now +then):\n%s", err, diff)
	}
}

// update writes what is missing in dir.
func (h *house) update(dir string) {
	h.t.Helper()
	if _, err := h.start(h.open()); err != nil {
		h.t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		h.t.Fatal(err)
	}
	for _, k := range kinds {
		text, err := os.ReadFile(filepath.Join(h.o.Dir, string(k)))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if _, known := os.Stat(filepath.Join(dir, string(k))); err == nil && known != nil {
			err = os.WriteFile(filepath.Join(dir, string(k)), text, 0o644)
		}
		if err != nil {
			h.t.Fatal(err)
		}
	}
}

// Cut off anywhere, or with any byte of it another, a file is refused and says nothing.
func TestNoPartOfAFileIsBelieved(t *testing.T) {
	h := newHouse(t)
	text, err := os.ReadFile(filepath.Join("testdata", "written", string(sealingKeys)))
	if err != nil {
		t.Fatal(err)
	}
	s := h.open()
	read := func(text []byte) error {
		_, err := unpack(text, s.header(sealingKeys), s.key(sealingKeys))
		return err
	}
	if err := read(text); err != nil {
		t.Fatal(err)
	}
	for i := range text {
		flipped := bytes.Clone(text)
		flipped[i] ^= 1 << (i % 8)
		for how, err := range map[string]error{"cut off": read(text[:i]), "changed": read(flipped)} {
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrForeign) && !errors.Is(err, ErrNewer) {
				t.Fatalf("%s at byte %d of %d it is read: %v", how, i, len(text), err)
			}
		}
	}
	if read(append(bytes.Clone(text), 'x')) == nil {
		t.Error("with something behind it, it is read")
	}
}
