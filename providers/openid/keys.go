package openid

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/bongsu/bongsu/providers"
)

// How old keys may be, and how often they are fetched.
const (
	// KeyLife is how long a fetched key is believed: a key that the provider
	// withdraws is refused no later than this.
	KeyLife = 10 * time.Minute

	keyRefresh = 5 * time.Minute // in the background, so that nobody waits and a short outage is not felt
	keyMiss    = time.Minute     // between two fetches for the sake of an unknown key id
	keyFailure = time.Second     // between a fetch that failed and the next
)

// keySet is the published keys of one provider. What go-oidc's own set leaves
// open is decided here: keys age, an unknown key id buys at most one fetch a
// minute, all who wait share one fetch, and a key that is dropped while it signs
// is missed for a while (see [grace]).
type keySet struct {
	o   *Options
	url string

	mu       sync.Mutex
	snapshot *snapshot // the newest, maybe too old; nil before the first
	flight   *flight   // the fetch under way, if any
	missed   time.Time // when an unknown key id last bought a fetch
	failed   time.Time // when a fetch last failed
	failure  error     // of that fetch
	signers  signers   // which keys were seen at work
}

// snapshot is the keys as published at one moment, and the one that is missed.
// It is immutable.
type snapshot struct {
	keys map[string][]oidc.KeySet // by key id
	at   time.Time
	late *grace // nil when no key is missed
}

var errSignature = errors.New("no key verifies the signature")

// has reports whether a token with kid can be tried: a token need not name its
// key.
func (s *snapshot) has(kid string, now time.Time) bool {
	return kid == "" || len(s.keys[kid]) > 0 || s.late.covers(kid, now)
}

// verify returns the payload of jwt and the id of the key that verifies it: one
// of that id, or any if the token names none. Keys that are distrusted verify
// nothing.
func (s *snapshot) verify(ctx context.Context, kid, jwt string, o *Options) (payload []byte, id string, err error) {
	for id, keys := range s.keys {
		if payload := verify(ctx, id, kid, keys, jwt, o); payload != nil {
			return payload, id, nil
		}
	}
	if s.late != nil && s.late.covers(s.late.kid, o.Now()) {
		if payload := verify(ctx, s.late.kid, kid, s.late.keys, jwt, o); payload != nil {
			return payload, s.late.kid, nil
		}
	}
	return nil, "", errSignature
}

func verify(ctx context.Context, id, wanted string, keys []oidc.KeySet, jwt string, o *Options) []byte {
	if wanted != "" && id != wanted || o.Distrusted(id) {
		return nil
	}
	for _, key := range keys {
		if payload, err := key.VerifySignature(ctx, jwt); err == nil {
			return payload
		}
	}
	return nil
}

type flight struct {
	done     chan struct{}
	snapshot *snapshot
	err      error
}

func newKeySet(url string, o *Options) *keySet { return &keySet{o: o, url: url} }

// look returns keys that are young enough and, if that can be had within the
// budget, include kid; otherwise the fetch to wait for. Keys that turned out
// not to verify are passed as spent: then others are wanted.
func (k *keySet) look(kid string, spent *snapshot) (*snapshot, *flight) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.o.Now()
	young := k.snapshot != nil && now.Sub(k.snapshot.at) < KeyLife
	switch {
	case young && k.snapshot != spent && k.snapshot.has(kid, now):
		return k.snapshot, nil
	case k.flight != nil:
		return nil, k.flight
	case !young && k.failure != nil && now.Sub(k.failed) < keyFailure:
		return nil, ended(k.failure)
	case young && !k.missed.IsZero() && now.Sub(k.missed) < keyMiss:
		if k.failure != nil {
			return nil, ended(k.failure) // the last word was no word: the key may be new
		}
		return k.snapshot, nil
	case young:
		k.missed = now
	}
	return nil, k.take()
}

// wait returns what the fetch brought.
func (f *flight) wait(ctx context.Context) (*snapshot, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-f.done:
		return f.snapshot, f.err
	}
}

func ended(err error) *flight {
	f := &flight{done: make(chan struct{}), err: err}
	close(f.done)
	return f
}

// take starts a fetch. It belongs to nobody's request, so that a browser that
// gives up takes no one else along; its timeout ends it. The caller holds mu.
func (k *keySet) take() *flight {
	f := &flight{done: make(chan struct{})}
	k.flight = f
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), k.o.Timeout)
		found, _, err := k.fetch(ctx, "")
		cancel()
		k.mu.Lock()
		k.flight = nil
		if err == nil {
			f.snapshot = k.install(found)
		} else {
			f.err = err
			k.failed, k.failure = k.o.Now(), err
		}
		k.mu.Unlock()
		close(f.done)
	}()
	return f
}

// refresh fetches the keys if they are older than keyRefresh.
func (k *keySet) refresh(ctx context.Context) error {
	k.mu.Lock()
	f := k.flight
	if f == nil {
		if k.snapshot != nil && k.o.Now().Sub(k.snapshot.at) < keyRefresh {
			k.mu.Unlock()
			return nil
		}
		f = k.take()
	}
	k.mu.Unlock()
	_, err := f.wait(ctx)
	return err
}

// install makes found what is believed, unless what is there is newer, and
// returns what is believed then. The caller holds mu.
func (k *keySet) install(found *snapshot) *snapshot {
	if k.snapshot != nil && found.at.Before(k.snapshot.at) {
		return k.snapshot
	}
	k.failure = nil
	found.late = k.signers.dropped(k.snapshot, found, k.o)
	k.snapshot = found
	return found
}

// probe fetches the keys for their own sake. It takes nothing from the budgets
// of logins: a failure is not remembered, and what is found serves them.
func (k *keySet) probe(ctx context.Context, agent string) (*snapshot, heard, error) {
	found, how, err := k.fetch(ctx, agent)
	if err != nil {
		return nil, how, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.install(found), how, nil
}

func (k *keySet) fetch(ctx context.Context, agent string) (*snapshot, heard, error) {
	at := k.o.Now()
	body, how, err := get(ctx, k.o.Fetch, k.url, agent, at)
	if err != nil {
		return nil, how, err
	}
	kept, err := readKeys(body)
	if err != nil {
		return nil, how, &providers.Error{Outcome: providers.Down, Code: "keys", Err: err}
	}
	sets, err := keySets(k.url, kept)
	if err != nil {
		return nil, how, &providers.Error{Outcome: providers.Down, Code: "keys", Err: err}
	}
	return &snapshot{keys: sets, at: at}, how, nil
}
