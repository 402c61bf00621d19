package id_test

import (
	"bytes"
	"crypto/rand"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/id"
)

func TestDatedNamesSortByTheirSecondAndTellIt(t *testing.T) {
	times := []time.Time{time.Unix(0, 0), time.Unix(1_000_000_000, 0), time.Unix(1_795_000_000, 0), time.Unix(1_795_000_001, 0)}
	previous := ""
	for _, at := range times {
		name, err := id.Dated(at, rand.Reader)
		if err != nil {
			t.Fatalf("Dated: %v", err)
		}
		if !id.Valid(name, id.DatedLength) {
			t.Errorf("%q is no valid name of length %d", name, id.DatedLength)
		}
		if name <= previous {
			t.Errorf("%q of %v does not sort behind %q", name, at, previous)
		}
		previous = name
		if got, ok := id.DatedAt(name); !ok || !got.Equal(at) {
			t.Errorf("DatedAt(%q) = %v, %v, want %v", name, got, ok, at)
		}
	}
}

func TestNamesDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		name, err := id.New(rand.Reader)
		if err != nil {
			t.Fatalf("New: %v", err)
		}
		if len(name) != id.Length || seen[name] {
			t.Fatalf("name %q is of the wrong length or came twice", name)
		}
		seen[name] = true
	}
}

func TestWithoutRandomnessThereIsNoName(t *testing.T) {
	dry := bytes.NewReader(nil)
	if name, err := id.New(dry); err == nil {
		t.Errorf("New without randomness gave %q", name)
	}
	if name, err := id.Dated(time.Now(), dry); err == nil {
		t.Errorf("Dated without randomness gave %q", name)
	}
	if name, err := id.Short(dry); err == nil {
		t.Errorf("Short without randomness gave %q", name)
	}
}

func FuzzDatedAt(f *testing.F) {
	f.Add("")
	f.Add("2222222222222222222222zz")
	f.Add("aaaaaaaaaaaaaaaaaaaaaaaa")
	f.Fuzz(func(t *testing.T, text string) {
		at, ok := id.DatedAt(text)
		if ok != id.Valid(text, id.DatedLength) {
			t.Errorf("DatedAt(%q) = %v, %v disagrees with Valid", text, at, ok)
		}
	})
}

func TestOneValueHasOneText(t *testing.T) {
	text := id.Text(make([]byte, 16))
	for _, twin := range []string{text[:len(text)-1] + "3", text[:4] + "\n" + text[4:], text + "\r\n"} {
		if raw, err := id.Bytes(twin); err == nil {
			t.Errorf("Bytes(%q) = %x, as %q is", twin, raw, text)
		}
	}
	if raw, err := id.Bytes(text); err != nil || len(raw) != 16 {
		t.Errorf("Bytes(%q) = %x, %v", text, raw, err)
	}
}
