package openid

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/providers"
)

// noProfile keeps a test to the ID token.
func noProfile(o *Options) { o.Endpoints.Userinfo = "" }

// AB-41: a new key works at once, a withdrawn one no longer than its cache life.
func TestKeyRotation(t *testing.T) {
	o := newOP(t)
	p := o.provider(t, noProfile)
	if _, err := finish(t, p); err != nil {
		t.Fatalf("with the first key: %v", err)
	}
	keys := testKeys()
	o.set(func() { o.keys["k2"], o.signer, o.kid = keys[1], keys[1], "k2" })
	if _, err := finish(t, p); err != nil {
		t.Fatalf("with the second key: %v", err)
	}
	o.set(func() { delete(o.keys, "k1"); o.signer, o.kid = keys[0], "k1" })
	if _, err := finish(t, p); err != nil {
		t.Fatalf("with a withdrawn key that is still believed: %v", err)
	}
	o.advance(KeyLife)
	if _, err := finish(t, p); !errors.Is(err, providers.ErrUntrusted) {
		t.Errorf("with a withdrawn key one cache life later: %v", err)
	}
	if got := o.jwks.Load(); got > 4 {
		t.Errorf("%d key fetches", got)
	}
}

func TestKeyReplacedUnderTheSameID(t *testing.T) {
	o := newOP(t)
	p := o.provider(t, noProfile)
	if _, err := finish(t, p); err != nil {
		t.Fatalf("before: %v", err)
	}
	key := testKeys()[1]
	o.set(func() { o.keys["k1"], o.signer = key, key })
	leg, seen := watched()
	if _, err := p.Finish(t.Context(), leg, returned()); err != nil {
		t.Fatalf("after: %v", err)
	}
	if want := []string{"callback ok", "token ok", "jwks ok", "verify ok"}; !slices.Equal(seen(), want) {
		t.Errorf("told %q, want %q", seen(), want)
	}
}

func TestTokenWithoutKeyID(t *testing.T) {
	o := newOP(t)
	o.kid = ""
	p := o.provider(t, noProfile)
	if _, err := finish(t, p); err != nil {
		t.Errorf("Finish: %v", err)
	}
}

// AB-40: unknown key ids are no amplifier, and honest logins go on.
func TestUnknownKeyIDs(t *testing.T) {
	o := newOP(t)
	p := o.provider(t, noProfile)
	if _, err := finish(t, p); err != nil {
		t.Fatalf("honest login: %v", err)
	}
	for minute := range 3 {
		before := o.jwks.Load()
		for i := range 100 {
			o.set(func() { o.kid = fmt.Sprintf("unknown-%d-%d", minute, i) })
			if _, err := finish(t, p); !errors.Is(err, providers.ErrUntrusted) {
				t.Fatalf("unknown kid: %v", err)
			}
		}
		if got := o.jwks.Load() - before; got != 1 {
			t.Errorf("minute %d: %d key fetches, want 1", minute, got)
		}
		o.set(func() { o.kid = "k1" })
		if _, err := finish(t, p); err != nil {
			t.Errorf("honest login: %v", err)
		}
		o.advance(time.Minute)
	}
}

// Bad signatures under a known key id are no amplifier either.
func TestBadSignaturesAreNoAmplifier(t *testing.T) {
	o := newOP(t)
	p := o.provider(t, noProfile)
	o.set(func() { o.signer = testKeys()[2] })
	for range 50 {
		if _, err := finish(t, p); !errors.Is(err, providers.ErrUntrusted) {
			t.Fatalf("bad signature: %v", err)
		}
	}
	if got := o.jwks.Load(); got > 2 {
		t.Errorf("%d key fetches, want 2 at most", got)
	}
}

func TestConcurrentLoginsShareOneFetch(t *testing.T) {
	o := newOP(t)
	release := make(chan struct{})
	arrived := make(chan struct{}, 100)
	o.handlers["/jwks"] = func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-release
		o.mu.Lock()
		defer o.mu.Unlock()
		reply(w, map[string]any{"keys": o.published()})
	}
	p := o.provider(t, noProfile)
	var all sync.WaitGroup
	failures := make(chan error, 20)
	for range 20 {
		all.Go(func() {
			_, err := p.Finish(t.Context(), testLeg(), returned())
			failures <- err
		})
	}
	<-arrived

	ctx, cancel := context.WithCancel(t.Context()) // one browser that gives up takes no one along
	cancel()
	m := p.known.Load()
	if _, flight := m.keys.look("k1", nil); flight == nil {
		t.Error("no fetch to wait for")
	} else if _, err := flight.wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a browser that gave up: %v", err)
	}
	close(release)
	all.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			t.Errorf("Finish: %v", err)
		}
	}
	if got := o.jwks.Load(); got != 1 {
		t.Errorf("%d key fetches, want 1", got)
	}
}

// AB-59: without keys nothing is believed, and it is nobody's untruth.
func TestKeysUnavailable(t *testing.T) {
	tests := []struct {
		name string
		h    http.HandlerFunc
		step string
	}{
		{"the server failed", status(503, "oops"), "jwks theirs.down"},
		{"not found", status(404, "{}"), "jwks theirs.down"},
		{"an empty answer", status(200, ""), "jwks theirs.down"},
		{"an empty set", status(200, `{"keys":[]}`), "jwks theirs.down"},
		{"a page", status(200, "<html>"), "jwks theirs.down"},
		{"too many requests", status(429, ""), "jwks ours"},
		{"only keys of no use", status(200, `{"keys":[{"kty":"oct","k":"AAAA"},{"kty":"RSA","kid":"k1","n":"AQAB","e":"AQAB"}]}`), "jwks theirs.down"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := newOP(t)
			o.handlers["/jwks"] = tt.h
			p := o.provider(t, noProfile)
			leg, seen := watched()
			_, err := p.Finish(t.Context(), leg, returned())
			if err == nil || errors.Is(err, providers.ErrUntrusted) {
				t.Errorf("Finish: %v", err)
			}
			if want := []string{"callback ok", "token ok", tt.step}; !slices.Equal(seen(), want) {
				t.Errorf("told %q, want %q", seen(), want)
			}

			for range 20 { // the next legs learn the same without another request
				if _, err := finish(t, p); err == nil {
					t.Fatal("logged in without keys")
				}
			}
			if got := o.jwks.Load(); got != 1 {
				t.Errorf("%d key fetches in one moment, want 1", got)
			}

			o.set(func() { delete(o.handlers, "/jwks") })
			o.advance(keyFailure)
			if _, err := finish(t, p); err != nil {
				t.Errorf("after recovery: %v", err)
			}
		})
	}
}

// A short outage of the key endpoint is not felt; a long one refuses.
func TestKeysOutliveShortOutage(t *testing.T) {
	o := newOP(t)
	p := o.provider(t, noProfile)
	if _, err := finish(t, p); err != nil {
		t.Fatal(err)
	}
	o.set(func() { o.handlers["/jwks"] = status(500, "") })
	o.advance(KeyLife - time.Second)
	if _, err := finish(t, p); err != nil {
		t.Errorf("within the life of the keys: %v", err)
	}
	o.advance(time.Second)
	if _, err := finish(t, p); !errors.Is(err, providers.ErrUnavailable) {
		t.Errorf("after the life of the keys: %v", err)
	}
}

// A key that may be new and a provider that cannot say so: not an untruth.
func TestUnknownKeyIDWhileKeysAreDown(t *testing.T) {
	o := newOP(t)
	p := o.provider(t, noProfile)
	if _, err := finish(t, p); err != nil {
		t.Fatal(err)
	}
	o.set(func() {
		o.handlers["/jwks"] = status(500, "")
		o.keys["k2"], o.signer, o.kid = testKeys()[1], testKeys()[1], "k2"
	})
	for range 3 {
		if _, err := finish(t, p); !errors.Is(err, providers.ErrUnavailable) {
			t.Errorf("Finish: %v, want ErrUnavailable", err)
		}
	}
	if got := o.jwks.Load(); got != 2 {
		t.Errorf("%d key fetches, want 2", got)
	}
}
