package keys_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/keystest"
)

// run starts Run and returns what waits until every node has come to rest after
// d of the bubble's time.
func run(t *testing.T, rings ...*keys.Ring) (pass func(d time.Duration)) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, r := range rings {
		running.Go(func() { r.Run(ctx) })
	}
	t.Cleanup(func() { stop(); running.Wait() })
	return func(d time.Duration) {
		time.Sleep(d) // of the bubble: no time passes outside
		synctest.Wait()
	}
}

func TestRunRotates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := keystest.NewStore()
		short := func(o *keys.Options) { o.ActiveFor = 20 * day } // the default is in TestPlan; here every 30 s costs time
		a, b := open(t, store, short), open(t, store, short)
		pass := run(t, a, b)
		pass(time.Minute)

		if got := kids(t, a); len(got) != 2 {
			t.Fatalf("the key set has %d keys a minute after the start, want the active and the next", len(got))
		}
		first := mustSign(t, a, keys.IDToken, keys.ES256)
		next := inState(t, store, keys.Published)[0]

		pass(20*day - 2*time.Minute)
		if kid := kidOf(t, mustSign(t, a, keys.IDToken, keys.ES256)); kid != kidOf(t, first) {
			t.Errorf("signs with %s before 20 days have passed", kid)
		}
		published := a.JWKS()
		pass(2 * time.Minute)
		for i, r := range []*keys.Ring{a, b} {
			if kid := kidOf(t, mustSign(t, r, keys.IDToken, keys.ES256)); kid != next {
				t.Errorf("node %d signs with %s after 20 days, want the next key %s", i, kid, next)
			}
		}
		if got := kids(t, a); len(got) != 3 || bytes.Equal(published.Body, a.JWKS().Body) {
			t.Errorf("%d keys in the set after a rotation, want the retiring, the active and the next", len(got))
		}

		pass(7*day - 2*time.Minute)
		for i, r := range []*keys.Ring{a, b} {
			if _, err := r.Verify(keys.IDToken, first); err != nil {
				t.Errorf("node %d refuses a token of a retiring key: %v", i, err)
			}
		}
		pass(3 * time.Minute)
		for i, r := range []*keys.Ring{a, b} {
			if _, err := r.Verify(keys.IDToken, first); !errors.Is(err, keys.ErrToken) {
				t.Errorf("node %d, token of a removed key: error %v, want %v", i, err, keys.ErrToken)
			}
			if slices.Contains(kids(t, r), kidOf(t, first)) {
				t.Errorf("node %d: the removed key is in the key set", i)
			}
		}
		if !bytes.Equal(a.JWKS().Body, b.JWKS().Body) {
			t.Error("two nodes serve different key sets")
		}
	})
}

// The next key of RSA takes long to make: it must be there soon after the
// start, not before it.
func TestRunPublishesNextKeysAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := keystest.NewStore()
		r := open(t, store, signs(everyAlgorithm...))
		pass := run(t, r)
		pass(0)
		if got := inState(t, store, keys.Published); len(got) != 3 {
			t.Errorf("%d next keys at once, want 3", len(got))
		}
	})
}

func TestAKeyIsNotRemovedByAProcessThatHasJustStarted(t *testing.T) {
	store, c := keystest.NewStore(), newClock()
	r := open(t, store, at(c))
	token := mustSign(t, r, keys.IDToken, keys.ES256)
	keys.Tick(t.Context(), r)
	c.pass(90 * day)
	keys.Tick(t.Context(), r)

	wrong := newClock() // a machine that starts in the far future
	wrong.pass(400 * day)
	other := open(t, store, at(wrong))
	keys.Tick(t.Context(), other)
	if s := states(t, store)[kidOf(t, token)]; s != keys.Retiring {
		t.Fatalf("the key is %s, want retiring", s)
	}
	if _, err := r.Verify(keys.IDToken, token); err != nil {
		t.Errorf("a living token is refused: %v", err)
	}
	wrong.pass(time.Hour)
	keys.Tick(t.Context(), other)
	if s := states(t, store)[kidOf(t, token)]; s != keys.Removed {
		t.Errorf("the key is %s after an hour, want removed", s)
	}
}

func TestANewSiteWaitsUntilItsKeyIsKnown(t *testing.T) {
	store, c := keystest.NewStore(), newClock()
	both := identities(t, store)
	seoul := open(t, store, at(c), knows(both))
	keys.Tick(t.Context(), seoul)

	busan := open(t, store, at(c), inBusan(t), knows(both))
	if _, err := busan.Sign(keys.IDToken, keys.ES256, claims); !errors.Is(err, keys.ErrNoKey) {
		t.Errorf("a new site signs at once: error %v, want %v", err, keys.ErrNoKey)
	}
	if err := busan.Ready(); !errors.Is(err, keys.ErrNoKey) {
		t.Errorf("a new site is ready: %v", err)
	}
	keys.Tick(t.Context(), busan)
	keys.Tick(t.Context(), seoul)
	if len(kids(t, seoul)) != 3 || !bytes.Equal(seoul.JWKS().Body, busan.JWKS().Body) {
		t.Errorf("seoul serves %v, busan %v; want the same three keys", kids(t, seoul), kids(t, busan))
	}
	token := mustSign(t, seoul, keys.IDToken, keys.ES256)
	if _, err := busan.Verify(keys.IDToken, token); err != nil {
		t.Errorf("busan refuses a token of seoul: %v", err)
	}

	c.pass(48*time.Hour - time.Second)
	keys.Tick(t.Context(), busan)
	if _, err := busan.Sign(keys.IDToken, keys.ES256, claims); !errors.Is(err, keys.ErrNoKey) {
		t.Errorf("before the publish window is over: error %v, want %v", err, keys.ErrNoKey)
	}
	c.pass(time.Second)
	keys.Tick(t.Context(), busan)
	token = mustSign(t, busan, keys.IDToken, keys.ES256)
	if _, err := seoul.Verify(keys.IDToken, token); err != nil {
		t.Errorf("seoul refuses a token of busan: %v", err)
	}

	// Neither can use the other's private keys, and a site nobody configured
	// adds nothing.
	alone := open(t, store, at(c))
	for _, kid := range kids(t, alone) {
		if !strings.HasPrefix(kid, "seoul-") {
			t.Errorf("a key of an unknown site is in the key set: %s", kid)
		}
	}
	if _, err := alone.Verify(keys.IDToken, token); !errors.Is(err, keys.ErrToken) {
		t.Errorf("token of an unknown site: error %v, want %v", err, keys.ErrToken)
	}
}

func TestWithdraw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := keystest.NewStore()
		a, b := open(t, store), open(t, store)
		pass := run(t, a, b)
		pass(time.Minute)
		stolen := mustSign(t, a, keys.IDToken, keys.ES256)
		next := inState(t, store, keys.Published)[0]

		// Nothing is asked of the store: it may be away.
		store.Intercept(away)
		a.Withdraw(kidOf(t, stolen))
		a.Withdraw(kidOf(t, stolen))
		if _, err := a.Verify(keys.IDToken, stolen); !errors.Is(err, keys.ErrToken) {
			t.Errorf("a token of the withdrawn key: error %v, want %v", err, keys.ErrToken)
		}
		if slices.Contains(kids(t, a), kidOf(t, stolen)) {
			t.Error("the withdrawn key is in the key set")
		}
		if kid := kidOf(t, mustSign(t, a, keys.IDToken, keys.ES256)); kid != next {
			t.Errorf("signs with %s, want the next key %s at once", kid, next)
		}
		pass(0)
		store.Intercept(nil)

		// When the store is back, it is written down, other nodes learn it
		// from there, and a new next key is published.
		pass(time.Minute)
		if s := states(t, store)[kidOf(t, stolen)]; s != keys.Withdrawn {
			t.Errorf("the key is stored as %s, want withdrawn", s)
		}
		if _, err := b.Verify(keys.IDToken, stolen); !errors.Is(err, keys.ErrToken) {
			t.Errorf("the other node, a token of the withdrawn key: error %v, want %v", err, keys.ErrToken)
		}
		if kid := kidOf(t, mustSign(t, b, keys.IDToken, keys.ES256)); kid != next {
			t.Errorf("the other node signs with %s, want %s", kid, next)
		}
		if got := inState(t, store, keys.Published); len(got) != 1 || len(kids(t, a)) != 2 {
			t.Errorf("next keys %v, key set %v; want a new next key", got, kids(t, a))
		}
	})
}

// A node that learned of a withdrawal from the store alone does not unlearn it
// when an older copy of the store comes back.
func TestWithdrawnIsForGood(t *testing.T) {
	store, c := keystest.NewStore(), newClock()
	a, b := open(t, store, at(c)), open(t, store, at(c))
	keys.Tick(t.Context(), a)
	stolen := mustSign(t, a, keys.IDToken, keys.ES256)
	var older keys.Record
	store.ChangeSigningKey(kidOf(t, stolen), func(r *keys.Record) { older = *r })
	a.Withdraw(kidOf(t, stolen))
	keys.Tick(t.Context(), a)
	keys.Tick(t.Context(), b)

	store.ChangeSigningKey(kidOf(t, stolen), func(r *keys.Record) { *r = older })
	keys.Tick(t.Context(), b)
	if _, err := b.Verify(keys.IDToken, stolen); !errors.Is(err, keys.ErrToken) {
		t.Errorf("error %v, want %v", err, keys.ErrToken)
	}
	if s := states(t, store)[kidOf(t, stolen)]; s != keys.Withdrawn {
		t.Errorf("stored as %s, want withdrawn again", s)
	}
}

func TestWithdrawWakesRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := keystest.NewStore()
		r := open(t, store, signs(keys.ES256, keys.EdDSA))
		pass := run(t, r)
		pass(time.Minute)
		for _, kid := range kids(t, r) { // all of them: active and next
			r.Withdraw(kid)
		}
		if _, err := r.Sign(keys.IDToken, keys.ES256, claims); !errors.Is(err, keys.ErrNoKey) {
			t.Errorf("signs with a withdrawn key: error %v", err)
		}
		pass(0) // no time: Run is woken
		for _, a := range []keys.Algorithm{keys.ES256, keys.EdDSA} {
			if _, err := r.Verify(keys.IDToken, mustSign(t, r, keys.IDToken, a)); err != nil {
				t.Errorf("%s: the new key's token: %v", a, err)
			}
		}
		if len(inState(t, store, keys.Active)) != 2 || len(inState(t, store, keys.Published)) != 2 {
			t.Errorf("stored %v, want new active and next keys", states(t, store))
		}
	})
}

// A negative fact that was known before the process began is obeyed from its
// first moment.
func TestWithdrawnBeforeTheStart(t *testing.T) {
	store := keystest.NewStore()
	first := open(t, store)
	stolen := mustSign(t, first, keys.IDToken, keys.ES256)
	r := open(t, store, func(o *keys.Options) {
		o.Withdrawn = func(kid string) bool { return kid == kidOf(t, stolen) }
	})
	if _, err := r.Verify(keys.IDToken, stolen); !errors.Is(err, keys.ErrToken) {
		t.Errorf("error %v, want %v", err, keys.ErrToken)
	}
	if kid := kidOf(t, mustSign(t, r, keys.IDToken, keys.ES256)); kid == kidOf(t, stolen) {
		t.Error("signs with the withdrawn key")
	}
}

func TestWithdrawingTheUnknownIsNoError(t *testing.T) {
	store, c := keystest.NewStore(), newClock()
	a := open(t, store, at(c))
	b := open(t, store, at(c))
	keys.Tick(t.Context(), a)
	next := inState(t, store, keys.Published)[0]
	b.Withdraw("no such key")
	b.Withdraw(next) // b has not read it yet
	keys.Tick(t.Context(), b)
	if slices.Contains(kids(t, b), next) {
		t.Error("the key is in the key set although it was withdrawn before it was known")
	}
}

func TestAWipedStoreIsNotBelieved(t *testing.T) {
	store := keystest.NewStore()
	var log bytes.Buffer
	r := open(t, store, func(o *keys.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	token := mustSign(t, r, keys.IDToken, keys.ES256)
	store.Forget()
	keys.Tick(t.Context(), r)
	keys.Tick(t.Context(), r)
	if _, err := r.Verify(keys.IDToken, token); err != nil {
		t.Errorf("the keys were dropped with the store's: %v", err)
	}
	mustSign(t, r, keys.IDToken, keys.ES256)
	if n := strings.Count(log.String(), "level=WARN"); n != 1 {
		t.Errorf("logged %d times, want once:\n%s", n, log.String())
	}
}

func TestRunGoesOnWithoutTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := keystest.NewStore()
		r := open(t, store)
		pass := run(t, r)
		pass(time.Minute)
		// A store that hangs, as one behind a frozen machine does.
		store.Intercept(func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() })
		pass(91 * day)
		token := mustSign(t, r, keys.IDToken, keys.ES256)
		if _, err := r.Verify(keys.IDToken, token); err != nil {
			t.Errorf("Verify: %v", err)
		}
		start := time.Now()
		stranger := strings.Replace(kidOf(t, token), "seoul", "tokyo", 1)
		header := b64(`{"alg":"ES256","kid":"` + stranger + `","typ":"JWT"}`)
		_, payload, signature := parts(t, token)
		if _, err := r.Verify(keys.IDToken, header+"."+payload+"."+signature); !errors.Is(err, keys.ErrUnavailable) {
			t.Errorf("an unknown kid: error %v, want %v", err, keys.ErrUnavailable)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("the answer took %v, want at most 2s", took)
		}
		store.Intercept(nil)
		pass(time.Minute)
		if kid := kidOf(t, mustSign(t, r, keys.IDToken, keys.ES256)); kid == kidOf(t, token) {
			t.Error("an overdue rotation is not made up for")
		}
	})
}

func TestAForgottenAlgorithmLeaves(t *testing.T) {
	store, c := keystest.NewStore(), newClock()
	r := open(t, store, at(c), signs(keys.ES256, keys.EdDSA))
	keys.Tick(t.Context(), r)
	token := mustSign(t, r, keys.IDToken, keys.EdDSA)

	r = open(t, store, at(c)) // EdDSA is not asked for any more
	keys.Tick(t.Context(), r)
	if _, err := r.Verify(keys.IDToken, token); err != nil {
		t.Errorf("a token of the algorithm is refused: %v", err)
	}
	for range 110 {
		c.pass(day)
		keys.Tick(t.Context(), r)
	}
	for _, kid := range kids(t, r) {
		if kid == kidOf(t, token) {
			t.Error("its key is still in the key set")
		}
	}
	records, err := store.SigningKeys(t.Context())
	if err != nil {
		t.Fatalf("SigningKeys: %v", err)
	}
	for _, record := range records {
		if record.Algorithm == keys.EdDSA && record.State != keys.Removed {
			t.Errorf("generation %d is %s, want removed", record.Generation, record.State)
		}
	}
}
