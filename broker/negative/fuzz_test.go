package negative

import (
	"testing"
)

// What a line says comes back as it was, whatever it is.
func FuzzLog(f *testing.F) {
	f.Add(recordOf(ended("a")).encode())
	f.Add(record{Watermark: 7}.encode())
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, ok := decode(body)
		if !ok {
			return
		}
		if again, ok := decode(r.encode()); !ok || again != r {
			t.Fatalf("%+v came back as %+v", r, again)
		}
	})
}
