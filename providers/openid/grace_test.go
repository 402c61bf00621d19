package openid

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"pgregory.net/rapid"

	"github.com/bongsu/bongsu/providers"
)

// signsWith changes the key that the provider signs with.
func (o *op) signsWith(kid string, n int) {
	o.set(func() { o.kid, o.signer = kid, testKeys()[n] })
}

func (o *op) publishes(kid string, n int) {
	o.set(func() { o.keys[kid] = testKeys()[n] })
}

func (o *op) drops(kid string) { o.set(func() { delete(o.keys, kid) }) }

// F07: a key that is dropped while it signs is believed for a day, which is told.
func TestKeyDroppedWhileItSigns(t *testing.T) {
	o := newOP(t)
	o.publishes("spare", 1)
	var log bytes.Buffer
	p := o.provider(t, noProfile, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	if _, err := finish(t, p); err != nil {
		t.Fatalf("before: %v", err)
	}
	dropped := o.clock()
	o.drops("k1")
	for o.clock().Sub(dropped) < keyGrace-KeyLife {
		o.advance(KeyLife * 3)
		if _, err := finish(t, p); err != nil {
			t.Fatalf("%v after it was dropped: %v", o.clock().Sub(dropped), err)
		}
	}
	if kid, _, ok := p.Missing(); !ok || kid != "k1" {
		t.Errorf("Missing = %q, %t", kid, ok)
	}
	if got := p.Probe(t.Context(), providers.LevelMetadata); got.Outcome != providers.Partial || got.Code != "key_missing" || got.Step != providers.StepKeys {
		t.Errorf("Probe = %+v", got)
	}
	for _, line := range []string{"no longer published; it is believed", "login by a key that is no longer published"} {
		if !strings.Contains(log.String(), line) {
			t.Errorf("not told: %q", line)
		}
	}
	o.advance(time.Hour)
	if _, err := finish(t, p); !errors.Is(err, providers.ErrUntrusted) {
		t.Errorf("a day later: %v", err)
	}
	if _, _, ok := p.Missing(); ok {
		t.Error("missed for longer than a day")
	}
}

// The provider goes on to another key: that it dropped the first was meant.
func TestKeyIsMissedUntilAnotherSigns(t *testing.T) {
	o := newOP(t)
	p := o.provider(t, noProfile)
	if _, err := finish(t, p); err != nil {
		t.Fatalf("before: %v", err)
	}
	o.publishes("k2", 1)
	o.drops("k1")
	o.advance(KeyLife)
	if _, err := finish(t, p); err != nil {
		t.Fatalf("with the key that is missed: %v", err)
	}
	o.signsWith("k2", 1)
	if _, err := finish(t, p); err != nil {
		t.Fatalf("with the new key: %v", err)
	}
	o.signsWith("k1", 0)
	if _, err := finish(t, p); !errors.Is(err, providers.ErrUntrusted) {
		t.Errorf("with the old key after the new one: %v", err)
	}
	if got := p.Probe(t.Context(), providers.LevelMetadata); got.Outcome != providers.OK {
		t.Errorf("Probe = %+v", got)
	}
}

// AB-41: a key that was followed by another is dropped on purpose, even if it
// signs once more while it is still believed.
func TestFollowedKeyIsNotMissed(t *testing.T) {
	o := newOP(t)
	p := o.provider(t, noProfile)
	for i, kid := range []string{"k1", "k2"} {
		o.publishes(kid, i)
		o.signsWith(kid, i)
		if _, err := finish(t, p); err != nil {
			t.Fatalf("%s: %v", kid, err)
		}
	}
	o.drops("k1")
	o.signsWith("k1", 0)
	o.advance(KeyLife)
	if _, err := finish(t, p); !errors.Is(err, providers.ErrUntrusted) {
		t.Errorf("one cache life later: %v", err)
	}
	if got := p.Probe(t.Context(), providers.LevelMetadata); got.Outcome != providers.OK {
		t.Errorf("an ordinary rotation: %+v", got)
	}
}

func TestKeyThatComesBackIsNotMissed(t *testing.T) {
	o := newOP(t)
	o.publishes("spare", 1)
	p := o.provider(t, noProfile)
	if _, err := finish(t, p); err != nil {
		t.Fatal(err)
	}
	o.drops("k1")
	if got := p.Probe(t.Context(), providers.LevelMetadata); got.Outcome != providers.Partial {
		t.Errorf("Probe = %+v", got)
	}
	o.publishes("k1", 0)
	if got := p.Probe(t.Context(), providers.LevelMetadata); got.Outcome != providers.OK {
		t.Errorf("Probe = %+v", got)
	}
}

// F08: what an operator distrusts signs nothing, published or missed.
func TestDistrustedKey(t *testing.T) {
	for _, name := range []string{"published", "missed", "unnamed in the token"} {
		t.Run(name, func(t *testing.T) {
			o := newOP(t)
			o.publishes("spare", 1)
			distrusted := ""
			p := o.provider(t, noProfile, func(o *Options) {
				o.Distrusted = func(kid string) bool { return kid == distrusted }
			})
			if _, err := finish(t, p); err != nil {
				t.Fatal(err)
			}
			switch name {
			case "missed":
				o.drops("k1")
				o.advance(KeyLife)
				if _, err := finish(t, p); err != nil {
					t.Fatalf("while it is missed: %v", err)
				}
			case "unnamed in the token":
				o.set(func() { o.kid = "" })
			}
			distrusted = "k1"
			before := o.jwks.Load()
			if _, err := finish(t, p); !errors.Is(err, providers.ErrUntrusted) {
				t.Errorf("with a distrusted key: %v", err)
			}
			if got := o.jwks.Load() - before; got > 1 {
				t.Errorf("%d key fetches", got)
			}
			o.signsWith("spare", 1)
			if _, err := finish(t, p); err != nil {
				t.Errorf("with another key: %v", err)
			}
			if got := p.Probe(t.Context(), providers.LevelMetadata); got.Outcome != providers.OK {
				t.Errorf("Probe = %+v", got)
			}
			o.drops("spare")
			o.publishes("k1", 0)
			if got := p.Probe(t.Context(), providers.LevelMetadata); name == "published" && (got.Outcome != providers.Trust || got.Code != "key_distrusted") {
				t.Errorf("only distrusted keys: %+v", got)
			}
		})
	}
}

// Probes leave logins their budget of key fetches, and their keys.
func TestProbesDoNotStarveLogins(t *testing.T) {
	o := newOP(t)
	p := o.provider(t, noProfile)
	if _, err := finish(t, p); err != nil {
		t.Fatal(err)
	}
	o.set(func() { o.handlers["/jwks"] = status(503, "") })
	for range 20 {
		if got := p.Probe(t.Context(), providers.LevelMetadata); got.Outcome != providers.Down || got.Code != "http_503" || got.Step != providers.StepKeys {
			t.Fatalf("Probe = %+v", got)
		}
		if _, err := finish(t, p); err != nil {
			t.Fatalf("keys that are young: %v", err)
		}
	}
	o.set(func() { delete(o.handlers, "/jwks") })
	o.publishes("k2", 1)
	o.signsWith("k2", 1)
	if _, err := finish(t, p); err != nil {
		t.Errorf("a new key right after a failed probe: %v", err)
	}
}

// anyKey verifies everything.
type anyKey struct{}

func (anyKey) VerifySignature(context.Context, string) ([]byte, error) { return []byte("{}"), nil }

// Whatever is published, signed, distrusted in whatever order: the rules hold
// for every key.
func TestKeyLifeCycle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kids := []string{"a", "b", "c"}
		now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
		distrusted := map[string]bool{}
		o := Options{Distrusted: func(kid string) bool { return distrusted[kid] }, Now: func() time.Time { return now }}
		o.defaults()
		o.Now = func() time.Time { return now }
		k := newKeySet("https://id.example.com/jwks", &o)
		model := life{published: map[string]bool{}, gone: map[string]time.Time{}, last: map[string]time.Time{}}
		believes := func(kid string) bool {
			if k.snapshot == nil {
				return false
			}
			_, id, err := k.snapshot.verify(t.Context(), kid, "jwt", &o)
			return err == nil && id == kid && k.snapshot.has(kid, now)
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(1, 600).Draw(t, "minutes")) * time.Minute)
			kid := rapid.SampledFrom(kids).Draw(t, "kid")
			switch rapid.SampledFrom([]string{"publish", "publish", "sign", "sign", "distrust"}).Draw(t, "what") {
			case "publish":
				set := rapid.SliceOfNDistinct(rapid.SampledFrom(kids), 1, 3, rapid.ID[string]).Draw(t, "set")
				found := &snapshot{keys: map[string][]oidc.KeySet{}, at: now}
				for _, id := range set {
					found.keys[id] = []oidc.KeySet{anyKey{}}
				}
				k.install(found)
				model.publish(set, now)
			case "sign":
				if believes(kid) {
					k.signed(t.Context(), kid)
					model.sign(kid, now)
				}
			case "distrust":
				distrusted[kid] = true
			}
			for _, id := range kids {
				model.check(t, id, believes(id), distrusted[id], now)
			}
		}
	})
}

// life is what happened to keys.
type life struct {
	published map[string]bool
	gone      map[string]time.Time // when each was dropped
	last      map[string]time.Time // when each signed last
	order     []string             // by their first login
}

func (l *life) publish(set []string, now time.Time) {
	for kid := range l.published {
		if !slices.Contains(set, kid) {
			delete(l.published, kid)
			l.gone[kid] = now
		}
	}
	for _, kid := range set {
		l.published[kid] = true
		delete(l.gone, kid)
	}
}

func (l *life) sign(kid string, now time.Time) {
	l.last[kid] = now
	if !slices.Contains(l.order, kid) {
		l.order = append(l.order, kid)
	}
}

func (l *life) check(t *rapid.T, kid string, believed, distrusted bool, now time.Time) {
	gone, dropped := l.gone[kid]
	signed := !l.last[kid].IsZero()
	anotherSince := false
	for other, at := range l.last {
		anotherSince = anotherSince || other != kid && dropped && at.After(gone)
	}
	switch {
	case distrusted && believed:
		t.Fatalf("%s is distrusted and believed", kid)
	case !distrusted && l.published[kid] && !believed:
		t.Fatalf("%s is published and not believed", kid)
	case !believed || l.published[kid]:
	case !signed:
		t.Fatalf("%s never signed and is missed", kid)
	case now.Sub(gone) >= keyGrace:
		t.Fatalf("%s is missed for more than a day", kid)
	case anotherSince:
		t.Fatalf("%s is missed although another signed since", kid)
	case l.order[len(l.order)-1] != kid:
		t.Fatalf("%s is missed although a newer key signs", kid)
	}
	if only := len(l.order) == 1 && l.order[0] == kid; only && dropped && !distrusted && now.Sub(gone) < keyGrace && !believed {
		t.Fatalf("%s alone ever signed, was dropped %v ago, and is not believed", kid, now.Sub(gone))
	}
}
