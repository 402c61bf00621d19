package web

import (
	"net/http"
	"testing"
)

// discard is an http.ResponseWriter that keeps nothing but its header.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

func BenchmarkMenu(b *testing.B) {
	pages, err := New(Options{})
	if err != nil {
		b.Fatal(err)
	}
	view := menuView("ko")
	w := discard{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		if err := pages.Write(w, http.StatusOK, view); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := New(Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
