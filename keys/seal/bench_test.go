package seal_test

import (
	"testing"

	"github.com/bongsu/bongsu/keys/keystest"
)

func BenchmarkSeal(b *testing.B) {
	r := open(b, keystest.NewStore(), nil)
	plaintext := make([]byte, 1500)
	b.ReportAllocs()
	b.SetBytes(int64(len(plaintext)))
	for b.Loop() {
		if _, err := r.Seal("login", plaintext); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	r := open(b, keystest.NewStore(), nil)
	sealed, err := r.Seal("login", make([]byte, 1500))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(1500)
	for b.Loop() {
		if _, err := r.Open(b.Context(), "login", sealed); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTag(b *testing.B) {
	r := open(b, keystest.NewStore(), nil)
	message := make([]byte, 80)
	b.ReportAllocs()
	for b.Loop() {
		r.Tag("state", message)
	}
}

func BenchmarkCheckTag(b *testing.B) {
	r := open(b, keystest.NewStore(), nil)
	message := make([]byte, 80)
	keyID, mac := r.Tag("state", message)
	b.ReportAllocs()
	for b.Loop() {
		if err := r.CheckTag(b.Context(), "state", keyID, message, mac); err != nil {
			b.Fatal(err)
		}
	}
}
