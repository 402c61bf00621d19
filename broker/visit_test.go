package broker

import (
	"context"
	"regexp"
	"testing"
)

// A visit is its connection's context, and says who visits.
func TestVisit(t *testing.T) {
	type key struct{}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "of the connection"))
	v := &visit{Context: ctx, visitor: visitor{support: "7F3K-92QD"}}
	inner, stop := context.WithCancel(v)
	defer stop()
	if supportCode(inner) != "7F3K-92QD" || inner.Value(key{}) != "of the connection" || supportCode(ctx) != "" {
		t.Errorf("support code %q, value %v", supportCode(inner), inner.Value(key{}))
	}
	cancel()
	<-inner.Done()
}

func TestSupportCodesCanBeReadOutAndDiffer(t *testing.T) {
	readable, seen := regexp.MustCompile("^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$"), make(map[string]bool)
	for range 1000 {
		code := newSupportCode()
		if !readable.MatchString(code) || seen[code] {
			t.Fatalf("support code %q", code)
		}
		seen[code] = true
	}
}
