package peer

import (
	"bufio"
	"bytes"
	"testing"
	"time"
)

// Whatever a node sends, frames are read within their bounds, and what is read is
// what would be written.
func FuzzFrames(f *testing.F) {
	f.Add(question{id: 1, wait: time.Second, name: "facts", body: []byte("{}")}.append(nil))
	f.Add(answer{id: 1, status: statusRefused}.append(nil))
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 9, 1, 'e', 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, said []byte) {
		if q, err := readQuestion(bufio.NewReader(bytes.NewReader(said))); err == nil {
			if len(q.body) > MaxBody || q.name == "" || len(q.name) > maxName {
				t.Errorf("%d bytes for %q", len(q.body), q.name)
			}
			if again := q.append(nil); !bytes.HasPrefix(said, again) {
				t.Errorf("read %x, written %x", said, again)
			}
		}
		if a, err := readAnswer(bufio.NewReader(bytes.NewReader(said))); err == nil {
			if len(a.body) > MaxBody {
				t.Errorf("%d bytes", len(a.body))
			}
			if again := a.append(nil); !bytes.HasPrefix(said, again) {
				t.Errorf("read %x, written %x", said, again)
			}
		}
	})
}
