package negative

import (
	"bytes"
	"slices"
	"testing"
)

// Nothing that can stand in a log makes it unreadable, and nothing that follows
// a sound line takes that line away.
func FuzzLog(f *testing.F) {
	sound := appendLine(nil, recordOf(ended("a")))
	f.Add([]byte{})
	f.Add(sound)
	f.Add(sound[:len(sound)-1])
	f.Add(append(bytes.Clone(sound), sound[3:]...))
	f.Add(appendLine(nil, record{Watermark: 7}))
	f.Add([]byte("00000000 {}\n"))
	f.Add([]byte("\n\n\n"))
	f.Add(make([]byte, maxLine+1))
	f.Fuzz(func(t *testing.T, tail []byte) {
		var alone, behind []record
		found, err := readLog(bytes.NewReader(tail), func(r record) { alone = append(alone, r) })
		if err != nil {
			t.Fatalf("readLog: %v", err)
		}
		if found.end > int64(len(tail)) || found.lines != len(alone) || found.torn != (found.end < int64(len(tail))) {
			t.Fatalf("%d bytes found to be %+v with %d records", len(tail), found, len(alone))
		}
		if _, err := readLog(bytes.NewReader(append(bytes.Clone(sound), tail...)), func(r record) { behind = append(behind, r) }); err != nil {
			t.Fatalf("readLog: %v", err)
		}
		if want := append([]record{recordOf(ended("a"))}, alone...); !slices.Equal(behind, want) {
			t.Fatalf("read %+v, want %+v", behind, want)
		}
		for _, r := range alone {
			line := appendLine(nil, r)
			if again, ok := parseLine(line[:len(line)-1]); !ok || again != r {
				t.Fatalf("%+v came back as %+v", r, again)
			}
		}
	})
}
