package journal

import (
	"bytes"
	"slices"
	"testing"
)

// Nothing that can stand in a log makes it unreadable, and nothing that follows
// a sound line takes that line away.
func FuzzLog(f *testing.F) {
	sound := AppendLine(nil, []byte(`{"a":1}`))
	f.Add([]byte{})
	f.Add(sound)
	f.Add(sound[:len(sound)-1])
	f.Add(append(bytes.Clone(sound), sound[3:]...))
	f.Add([]byte("00000000 {}\n"))
	f.Add([]byte("\n\n\n"))
	f.Add(make([]byte, MaxLine+1))
	f.Fuzz(func(t *testing.T, tail []byte) {
		alone, found := bodies(t, tail)
		if found.end > int64(len(tail)) || found.Lines != len(alone) || found.Torn != (found.end < int64(len(tail))) {
			t.Fatalf("%d bytes found to be %+v with %d bodies", len(tail), found, len(alone))
		}
		behind, _ := bodies(t, append(bytes.Clone(sound), tail...))
		if want := append([]string{`{"a":1}`}, alone...); !slices.Equal(behind, want) {
			t.Fatalf("read %q, want %q", behind, want)
		}
		for _, body := range alone {
			line := AppendLine(nil, []byte(body))
			if again, ok := parseLine(line[:len(line)-1]); !ok || string(again) != body {
				t.Fatalf("%q came back as %q", body, again)
			}
		}
	})
}

func bodies(t *testing.T, log []byte) (all []string, found Found) {
	t.Helper()
	found, err := Read(bytes.NewReader(log), func(body []byte) bool {
		all = append(all, string(body))
		return true
	})
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	return all, found
}
