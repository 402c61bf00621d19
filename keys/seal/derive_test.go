package seal_test

import (
	"testing"

	"github.com/bongsu/bongsu/keys/seal"
)

func TestDerivedValuesDependOnAllTheyAreMadeOf(t *testing.T) {
	secret := []byte("0123456789abcdef0123456789abcdef")
	value := seal.Derive(secret, "nonce", "leg1")
	if len(value) != 43 {
		t.Errorf("a value of %d characters, want 43", len(value))
	}
	if again := seal.Derive(secret, "nonce", "leg1"); !seal.Same(value, again) {
		t.Error("the same question has two answers")
	}
	for name, other := range map[string]string{
		"another secret": seal.Derive([]byte("another"), "nonce", "leg1"),
		"another label":  seal.Derive(secret, "verifier", "leg1"),
		"another name":   seal.Derive(secret, "nonce", "leg2"),
		"a moved border": seal.Derive(secret, "nonc", "eleg1"),
	} {
		if seal.Same(value, other) {
			t.Errorf("%s gives the same value", name)
		}
	}
}
