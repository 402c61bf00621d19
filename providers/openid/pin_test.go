package openid

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/bongsu/bongsu/providers"
)

// shelf keeps pins as a store does: by value, first come first kept.
type shelf struct {
	mu   sync.Mutex
	pins map[string]Pin
	err  error
	asks int
}

func (s *shelf) Pin(_ context.Context, provider string) (Pin, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asks++
	pin, ok := s.pins[provider]
	return pin, ok, s.err
}

func (s *shelf) KeepPin(_ context.Context, pin Pin) (Pin, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return Pin{}, s.err
	}
	if stands, ok := s.pins[pin.Provider]; ok {
		return stands, nil
	}
	if s.pins == nil {
		s.pins = map[string]Pin{}
	}
	s.pins[pin.Provider] = pin
	return pin, nil
}

func (s *shelf) ReplacePin(_ context.Context, pin Pin) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.pins[pin.Provider] = pin
	}
	return s.err
}

func (s *shelf) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func pinnedBy(s *shelf) func(*Options) {
	return func(o *Options) { discovered(o); o.Pins = s }
}

func beginsAt(t *testing.T, p *Provider, want string) {
	t.Helper()
	target, err := p.Begin(t.Context(), testLeg())
	if err != nil || !strings.HasPrefix(target, want+"?") {
		t.Errorf("Begin = %q, %v, want it to begin with %q", target, err, want)
	}
}

// F26: a process that starts while the provider is gone sends people there all
// the same, because it knows where that is.
func TestPinnedProviderNeedsNobodyToBegin(t *testing.T) {
	o := newOP(t)
	s := &shelf{}
	if err := o.provider(t, pinnedBy(s)).Discover(t.Context()); err != nil {
		t.Fatalf("Discover: %v", err)
	}
	o.set(func() { o.handlers["/.well-known/openid-configuration"] = status(503, "") })
	before := o.discoveries.Load()
	p := o.provider(t, pinnedBy(s))
	beginsAt(t, p, o.URL+"/authorize")
	if _, err := finish(t, p); err != nil {
		t.Errorf("Finish: %v", err)
	}
	if got := o.discoveries.Load() - before; got != 0 {
		t.Errorf("%d discoveries although there is a pin", got)
	}
}

// A changed document is adopted by an operator, at one node for all.
func TestOperatorAdopts(t *testing.T) {
	o := newOP(t)
	s := &shelf{}
	p, other, later := o.provider(t, pinnedBy(s)), o.provider(t, pinnedBy(s)), o.provider(t, pinnedBy(s))
	for _, p := range []*Provider{p, other, later} {
		if err := p.Discover(t.Context()); err != nil {
			t.Fatalf("Discover: %v", err)
		}
		if err := p.Adopt(t.Context()); !errors.Is(err, ErrNothingPending) {
			t.Errorf("Adopt with nothing to adopt: %v", err)
		}
	}
	o.set(func() { o.metadata["authorization_endpoint"] = o.URL + "/v2/authorize" })
	if err := other.Discover(t.Context()); !errors.Is(err, errMoved) {
		t.Fatalf("Discover: %v", err)
	}
	beginsAt(t, other, o.URL+"/authorize")
	if at, waiting := other.Pending(); !waiting || at.Authorize != o.URL+"/v2/authorize" {
		t.Errorf("Pending = %+v, %t", at, waiting)
	}

	if err := p.Adopt(t.Context()); err != nil { // it has not looked since
		t.Fatalf("Adopt: %v", err)
	}
	beginsAt(t, p, o.URL+"/v2/authorize")
	if _, waiting := p.Pending(); waiting {
		t.Error("what was adopted still waits")
	}
	if err := other.Discover(t.Context()); err != nil {
		t.Errorf("a node that knew of the change: %v", err)
	}
	beginsAt(t, other, o.URL+"/v2/authorize")
	if err := later.reconsider(t.Context()); err != nil {
		t.Errorf("a node that did not: %v", err)
	}
	beginsAt(t, later, o.URL+"/v2/authorize")
	beginsAt(t, o.provider(t, pinnedBy(s)), o.URL+"/v2/authorize")
}

// What is closed, and another issuer, no operator can adopt.
func TestNobodyAdoptsALie(t *testing.T) {
	for name, change := range map[string]map[string]any{
		"an endpoint by plain http": {"token_endpoint": "http://id.example.com/token"},
		"another issuer":            {"issuer": "https://evil.example"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOP(t)
			p := o.provider(t, pinnedBy(&shelf{}))
			if err := p.Discover(t.Context()); err != nil {
				t.Fatalf("Discover: %v", err)
			}
			o.set(func() { o.metadata = change })
			if err := p.Adopt(t.Context()); !errors.Is(err, providers.ErrUntrusted) {
				t.Errorf("Adopt: %v", err)
			}
			beginsAt(t, p, o.URL+"/authorize")
		})
	}
}

// How endpoints are spoken to stays as pinned, but stops nobody.
func TestOtherMannersWait(t *testing.T) {
	o := newOP(t)
	p := o.provider(t, pinnedBy(&shelf{}))
	if err := p.Discover(t.Context()); err != nil {
		t.Fatalf("Discover: %v", err)
	}
	o.set(func() { o.metadata["token_endpoint_auth_methods_supported"] = []string{"client_secret_post"} })
	if err := p.Discover(t.Context()); err != nil {
		t.Errorf("Discover: %v", err)
	}
	if _, waiting := p.Pending(); !waiting {
		t.Error("nothing waits")
	}
	if _, err := finish(t, p); err != nil || o.lastAuth == "" {
		t.Errorf("Finish: %v; it no longer speaks as pinned: %q", err, o.lastAuth)
	}
	if err := p.Adopt(t.Context()); err != nil {
		t.Fatalf("Adopt: %v", err)
	}
	if _, err := finish(t, p); err != nil || o.lastAuth != "" {
		t.Errorf("Finish: %v; it does not speak as adopted: %q", err, o.lastAuth)
	}
}

// A userinfo endpoint that comes and goes is followed.
func TestUserinfoComesAndGoes(t *testing.T) {
	o := newOP(t)
	p := o.provider(t, pinnedBy(&shelf{}))
	for _, published := range []bool{true, false, true} {
		o.set(func() {
			o.metadata = map[string]any{}
			if !published {
				o.metadata["userinfo_endpoint"] = nil
			}
		})
		if err := p.Discover(t.Context()); err != nil {
			t.Fatalf("Discover: %v", err)
		}
		before := o.userinfos.Load()
		if _, err := finish(t, p); err != nil {
			t.Errorf("Finish: %v", err)
		}
		if asked := o.userinfos.Load() > before; asked != published {
			t.Errorf("userinfo published %t, asked %t", published, asked)
		}
	}
}

// A pin that could not be read is no absent pin: a document that lies must not
// take its place.
func TestStoreThatCannotSay(t *testing.T) {
	o := newOP(t)
	s := &shelf{}
	if err := o.provider(t, pinnedBy(s)).Discover(t.Context()); err != nil {
		t.Fatalf("Discover: %v", err)
	}
	s.fail(errors.New("no store"))
	p := o.provider(t, pinnedBy(s))
	for range 3 {
		if _, err := p.Begin(t.Context(), testLeg()); !errors.Is(err, providers.ErrUnknown) {
			t.Errorf("Begin: %v, want ErrUnknown", err)
		}
	}
	if s.asks != 2 { // once by the first provider, once for all who waited by the second
		t.Errorf("the store was asked %d times", s.asks)
	}
	s.fail(nil)
	o.advance(discoveryFailure)
	beginsAt(t, p, o.URL+"/authorize")
}

// A store that cannot keep costs nobody a login, and keeps later.
func TestStoreThatCannotKeep(t *testing.T) {
	o := newOP(t)
	s := &refusingShelf{}
	p := o.provider(t, discovered, func(o *Options) { o.Pins = s })
	beginsAt(t, p, o.URL+"/authorize")
	if len(s.pins) != 0 {
		t.Fatal("kept after all")
	}
	s.open = true
	if err := p.Discover(t.Context()); err != nil {
		t.Errorf("Discover: %v", err)
	}
	if len(s.pins) != 1 {
		t.Error("not kept when it could be")
	}
}

type refusingShelf struct {
	shelf
	open bool
}

func (s *refusingShelf) KeepPin(ctx context.Context, pin Pin) (Pin, error) {
	if !s.open {
		return Pin{}, errors.New("read only")
	}
	return s.shelf.KeepPin(ctx, pin)
}

// Two nodes that start at once believe the same.
func TestTheFirstPinStands(t *testing.T) {
	o := newOP(t)
	s := &shelf{}
	first, second := o.provider(t, pinnedBy(s)), o.provider(t, pinnedBy(s))
	if err := second.recallNothing(t); err != nil {
		t.Fatalf("recall: %v", err)
	}
	if err := first.Discover(t.Context()); err != nil {
		t.Fatalf("Discover: %v", err)
	}
	o.set(func() { o.metadata["authorization_endpoint"] = o.URL + "/v2/authorize" })
	if err := second.Discover(t.Context()); !errors.Is(err, errMoved) {
		t.Errorf("the slower node: %v", err)
	}
	beginsAt(t, second, o.URL+"/authorize")
}

func (p *Provider) recallNothing(t *testing.T) error {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.recall(t.Context())
}

// A pin of another client or issuer is left alone and not believed.
func TestForeignPin(t *testing.T) {
	o := newOP(t)
	foreign := Pin{Provider: "op", Issuer: "https://id.example.com", ClientID: "client-1", Endpoints: Endpoints{Authorize: "https://id.example.com/a"}}
	s := &shelf{pins: map[string]Pin{"op": foreign}}
	p := o.provider(t, pinnedBy(s))
	beginsAt(t, p, o.URL+"/authorize")
	if got := s.pins["op"]; !got.says(foreign) {
		t.Errorf("the other's pin became %+v", got)
	}
}
