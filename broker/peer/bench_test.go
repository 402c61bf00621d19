package peer

import "testing"

// What a question costs over a line that stands, both ends on this machine.
func BenchmarkAsk(b *testing.B) {
	asker, answerer, _ := pair(b, handles("echo", echo))
	body := make([]byte, 300)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := asker.Ask(b.Context(), answerer.String(), "echo", body); err != nil {
			b.Fatal(err)
		}
	}
}
