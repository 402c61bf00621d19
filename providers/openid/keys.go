package openid

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fetch"
	"github.com/bongsu/bongsu/providers/oauth2"
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
// minute, and all who wait share one fetch.
type keySet struct {
	url     string
	client  *fetch.Client
	timeout time.Duration
	now     func() time.Time

	mu       sync.Mutex
	snapshot *snapshot // the newest, maybe too old; nil before the first
	flight   *flight   // the fetch under way, if any
	missed   time.Time // when an unknown key id last bought a fetch
	failed   time.Time // when a fetch last failed
	failure  error     // of that fetch
}

// snapshot is the keys as published at one moment.
type snapshot struct {
	keys map[string][]oidc.KeySet // by key id
	at   time.Time
}

var errSignature = errors.New("no key verifies the signature")

// has reports whether a token with kid can be tried: a token need not name its
// key.
func (s *snapshot) has(kid string) bool { return kid == "" || len(s.keys[kid]) > 0 }

// verify returns the payload of jwt if a key of that id verifies it; any key
// may if the token names none.
func (s *snapshot) verify(ctx context.Context, kid, jwt string) ([]byte, error) {
	for id, keys := range s.keys {
		if kid != "" && id != kid {
			continue
		}
		for _, key := range keys {
			if payload, err := key.VerifySignature(ctx, jwt); err == nil {
				return payload, nil
			}
		}
	}
	return nil, errSignature
}

type flight struct {
	done     chan struct{}
	snapshot *snapshot
	err      error
}

func newKeySet(url string, client *fetch.Client, timeout time.Duration, now func() time.Time) *keySet {
	return &keySet{url: url, client: client, timeout: timeout, now: now}
}

// look returns keys that are young enough and, if that can be had within the
// budget, include kid; otherwise the fetch to wait for. Keys that turned out
// not to verify are passed as spent: then others are wanted.
func (k *keySet) look(kid string, spent *snapshot) (*snapshot, *flight) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	young := k.snapshot != nil && now.Sub(k.snapshot.at) < KeyLife
	switch {
	case young && k.snapshot != spent && k.snapshot.has(kid):
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
		f.snapshot, f.err = k.fetch()
		k.mu.Lock()
		k.flight = nil
		if f.err == nil {
			k.snapshot, k.failure = f.snapshot, nil
		} else {
			k.failed, k.failure = k.now(), f.err
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
		if k.snapshot != nil && k.now().Sub(k.snapshot.at) < keyRefresh {
			k.mu.Unlock()
			return nil
		}
		f = k.take()
	}
	k.mu.Unlock()
	_, err := f.wait(ctx)
	return err
}

func (k *keySet) fetch() (*snapshot, error) {
	ctx, cancel := context.WithTimeout(context.Background(), k.timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, http.NoBody)
	if err != nil {
		return nil, oauth2.Refuse(providers.Ours, "the key endpoint does not parse")
	}
	r.Header.Set("Accept", "application/json")
	at := k.now()
	answer, err := k.client.HTTP().Do(r)
	if err != nil {
		return nil, &providers.Error{Outcome: oauth2.OutcomeOf(err), Err: oauth2.Plain(err)}
	}
	body, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return nil, &providers.Error{Outcome: oauth2.OutcomeOf(err), Err: oauth2.Plain(err)}
	}
	switch {
	case answer.StatusCode == http.StatusTooManyRequests:
		return nil, oauth2.Refuse(providers.Ours, "the provider refuses more requests for its keys")
	case answer.StatusCode != http.StatusOK:
		return nil, oauth2.Refuse(providers.Down, "the key endpoint answers with an error")
	}
	kept, err := readKeys(body)
	if err != nil {
		return nil, &providers.Error{Outcome: providers.Down, Err: err}
	}
	sets, err := keySets(k.url, kept)
	if err != nil {
		return nil, &providers.Error{Outcome: providers.Down, Err: err}
	}
	return &snapshot{keys: sets, at: at}, nil
}
