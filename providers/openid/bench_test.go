package openid

import "testing"

// One leg as a known person's login has it: callback, token, verification with
// keys at hand. The provider in the same process has its share in the figures.
func BenchmarkFinish(b *testing.B) {
	o := newOP(b)
	o.rawToken = o.token()
	p := o.provider(b, noProfile)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Finish(b.Context(), testLeg(), returned()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBegin(b *testing.B) {
	p := newOP(b).provider(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Begin(b.Context(), testLeg()); err != nil {
			b.Fatal(err)
		}
	}
}
