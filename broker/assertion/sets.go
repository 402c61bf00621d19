package assertion

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/keys"
)

// How old a client's key set may become, and how often it is asked for.
const (
	freshFor  = 15 * time.Minute // then it is fetched again before it is believed
	staleFor  = 24 * time.Hour   // so long it is believed while it cannot be fetched
	fetchGap  = 10 * time.Second // between two fetches: of each client, whatever is sent in its name
	fetchWait = 5 * time.Second  // for one fetch
)

// sets are the key sets that clients publish, by client id: no more than there
// are clients.
type sets struct {
	http *http.Client
	now  func() time.Time

	mu       sync.Mutex
	byClient map[string]*set
}

// set is one client's. Who can be answered with what is there never waits for
// those who cannot.
type set struct {
	uri  string
	held atomic.Pointer[held] // nil: never fetched

	fetching sync.Mutex // one fetch at a time: those who wait for it ask once
	tried    time.Time
	failed   error // of the last try
}

// held is a key set as it was fetched.
type held struct {
	keys *keys.ClientKeys
	at   time.Time
}

// verify returns the claims of an assertion that is signed with a published key.
func (s *sets) verify(ctx context.Context, known *client.Client, assertion string) ([]byte, error) {
	one, now := s.of(known), s.now()
	there, failed := one.held.Load(), error(nil)
	if there == nil || now.Sub(there.at) >= freshFor {
		there, failed = s.fetch(ctx, one)
	}
	if there == nil || now.Sub(there.at) >= staleFor {
		return nil, fmt.Errorf("fetch the client's keys: %w", failed)
	}
	payload, err := there.keys.VerifyAssertion(assertion)
	if !errors.Is(err, keys.ErrNoClientKey) {
		return payload, asRefused(err)
	}
	there, failed = s.fetch(ctx, one) // perhaps the client has a new one
	payload, err = there.keys.VerifyAssertion(assertion)
	if errors.Is(err, keys.ErrNoClientKey) && failed != nil {
		return nil, fmt.Errorf("fetch the client's keys: %w", failed)
	}
	return payload, asRefused(err)
}

func asRefused(err error) error {
	if err == nil {
		return nil
	}
	return unproven(err)
}

// of returns the client's set; a new address begins a new one.
func (s *sets) of(known *client.Client) *set {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.byClient[known.ID]
	if !ok || one.uri != known.JWKSURI {
		one = &set{uri: known.JWKSURI}
		s.byClient[known.ID] = one
	}
	return one
}

// fetch asks for the set, unless it was asked for just now, and returns what is
// held then and why the last try failed, if it did.
func (s *sets) fetch(ctx context.Context, one *set) (*held, error) {
	one.fetching.Lock()
	defer one.fetching.Unlock()
	now := s.now()
	if !one.tried.IsZero() && now.Sub(one.tried) < fetchGap {
		return one.held.Load(), one.failed
	}
	one.tried = now
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchWait) // others wait for it, too
	defer cancel()
	document, err := s.get(ctx, one.uri)
	if err == nil {
		var parsed *keys.ClientKeys
		if parsed, err = keys.ParseClientKeys(document); err == nil {
			one.held.Store(&held{parsed, now})
		}
	}
	one.failed = err
	return one.held.Load(), err
}

func (s *sets) get(ctx context.Context, uri string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := s.http.Do(r)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err
		}
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // read to its bound
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answered %d", response.StatusCode)
	}
	document, err := io.ReadAll(io.LimitReader(response.Body, keys.MaxClientKeys+1))
	if err != nil {
		return nil, err
	}
	return document, nil
}
