package openid

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/oauth2"
)

// Pin is the last good metadata of one provider: what is believed about it
// until an operator says otherwise. It holds no secret.
type Pin struct {
	Provider    string    `json:"provider"` // instance id
	Issuer      string    `json:"issuer"`
	ClientID    string    `json:"client_id"`
	Endpoints   Endpoints `json:"endpoints"`    // as published
	AuthMethods []string  `json:"auth_methods"` // as published; how the token endpoint may be told who we are
	Algorithms  []string  `json:"algorithms"`   // as published; what is believed is configured
	ResponseIss bool      `json:"response_iss"` // responses carry iss (RFC 9207)
	At          time.Time `json:"at"`           // when it was found good
}

// Pins keeps pins beyond the life of a process. Implementations are safe for
// concurrent use.
type Pins interface {
	// Pin returns the pin of a provider and whether there is one. An error
	// means that it could not be told.
	Pin(ctx context.Context, provider string) (Pin, bool, error)

	// KeepPin keeps the first pin of a provider and returns the one that
	// stands: another node may have been faster.
	KeepPin(ctx context.Context, pin Pin) (Pin, error)

	// ReplacePin keeps a pin in place of whatever stood; an operator wanted it.
	ReplacePin(ctx context.Context, pin Pin) error
}

// says reports whether two pins say the same, whenever they were found.
func (p Pin) says(other Pin) bool {
	return p.Provider == other.Provider && p.Issuer == other.Issuer && p.ClientID == other.ClientID &&
		p.Endpoints == other.Endpoints && slices.Equal(p.AuthMethods, other.AuthMethods) &&
		slices.Equal(p.Algorithms, other.Algorithms) && p.ResponseIss == other.ResponseIss
}

// ErrNothingPending is returned by [Provider.Adopt] when the provider publishes
// what is pinned.
var ErrNothingPending = errors.New("openid: nothing waits for an operator")

// errMoved is a document that no longer says what is pinned.
var errMoved = errors.New("the metadata is no longer what is pinned")

// trusted is what is believed of a provider's metadata, and what it says
// instead. Its fields are guarded by Provider.mu.
type trusted struct {
	pin     *Pin // nil until something was found good
	asked   bool // the store was asked and has said whether there is a pin
	kept    bool // the store has the pin
	foreign bool // the store's pin belongs to another instance: it is left alone
	pending *Pin // published, and waits for an operator
}

// pinOf makes a pin of a document that holds.
func (p *Provider) pinOf(d published) Pin {
	return Pin{
		Provider: p.o.Instance.ID, Issuer: p.o.Instance.Issuer, ClientID: p.o.Instance.ClientID,
		Endpoints: d.endpoints(), AuthMethods: d.AuthMethods, Algorithms: d.Algorithms,
		ResponseIss: d.ResponseIss, At: p.o.Now().UTC(),
	}
}

// usable reports whether a stored pin is about this instance and leads nowhere
// that is closed.
func (p *Provider) usable(pin Pin) bool {
	return pin.Provider == p.o.Instance.ID && pin.Issuer == p.o.Instance.Issuer && pin.ClientID == p.o.Instance.ClientID &&
		p.check(p.o.Endpoints.Or(pin.Endpoints)) == nil
}

// recall takes the pin from the store, once. The caller holds mu.
func (p *Provider) recall(ctx context.Context) error {
	if p.trusted.asked || p.o.Pins == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.o.Timeout)
	defer cancel()
	pin, found, err := p.o.Pins.Pin(ctx, p.o.Instance.ID)
	if err != nil {
		p.warn(ctx, "pinned metadata", err)
		return oauth2.Refuse(providers.Unknown, "whether metadata is pinned could not be told")
	}
	p.trusted.asked = true
	return p.believe(ctx, pin, found)
}

// believe takes a pin that the store holds.
func (p *Provider) believe(ctx context.Context, pin Pin, found bool) error {
	if !found {
		return nil
	}
	if !p.usable(pin) {
		p.trusted.foreign = true
		p.o.Logger.WarnContext(ctx, "pinned metadata is of no use: it is another instance's, or leads to a place that is closed",
			slog.String("provider", p.o.Instance.ID))
		return nil
	}
	p.trusted.kept = true
	return p.use(pin)
}

// use makes a pin what is believed.
func (p *Provider) use(pin Pin) error {
	if !p.o.Endpoints.complete() {
		next, err := p.assemble(p.o.Endpoints.Or(pin.Endpoints), pin, p.known.Load())
		if err != nil {
			return err
		}
		p.known.Store(next)
	}
	p.trusted.pin, p.trusted.pending = &pin, nil
	return nil
}

// take compares a document that holds with what is pinned. The first becomes
// the pin. A later one that says something else is kept for the operator and is
// an error if it concerns where or how people are proven; only that there is a
// userinfo endpoint, or none, is followed. The caller holds mu.
func (p *Provider) take(ctx context.Context, d published) error {
	found := p.pinOf(d)
	if p.trusted.pin == nil {
		if err := p.use(p.keep(ctx, found)); err != nil {
			return err
		}
	} else if !p.trusted.kept {
		p.keep(ctx, *p.trusted.pin)
	}
	if p.moved(found) && !p.agreedElsewhere(ctx, found) {
		p.trusted.pending = &found
		p.o.Logger.WarnContext(ctx, "provider's metadata changed and waits for an operator", slog.String("provider", p.o.Instance.ID))
		return &providers.Error{Outcome: providers.Trust, Code: "metadata_changed", Err: errMoved}
	}
	p.trusted.pending = nil
	if p.spokenOtherwise(found) {
		p.trusted.pending = &found
	}
	return p.followUserinfo(found)
}

// keep has the store keep the first pin and returns the one that stands, which
// another node may have found. A store that cannot is asked again.
func (p *Provider) keep(ctx context.Context, pin Pin) Pin {
	if p.o.Pins == nil || p.trusted.foreign {
		return pin
	}
	ctx, cancel := context.WithTimeout(ctx, p.o.Timeout)
	defer cancel()
	stands, err := p.o.Pins.KeepPin(ctx, pin)
	switch {
	case err != nil:
		p.warn(ctx, "pinned metadata", err)
		return pin
	case !p.usable(stands):
		p.trusted.foreign = true
		return pin
	}
	p.trusted.kept = true
	return stands
}

// moved reports whether a document leads elsewhere than the pin, or no longer
// lists an algorithm that we accept.
func (p *Provider) moved(found Pin) bool {
	pin, now := p.trusted.pin, Endpoints{}
	if m := p.known.Load(); m != nil && !p.o.Endpoints.complete() {
		now = m.at
	}
	same := func(configured, a, b string) bool { return configured != "" || a == b }
	either := func(configured, a, b string) bool { return same(configured, a, b) || a == "" || b == "" }
	e, was, own := found.Endpoints, pin.Endpoints, p.o.Endpoints
	if own.complete() {
		own = Endpoints{} // all is configured: the document is compared with itself
	}
	return !same(own.Authorize, e.Authorize, was.Authorize) || !same(own.Token, e.Token, was.Token) ||
		!same(own.Keys, e.Keys, was.Keys) || !either(own.Userinfo, e.Userinfo, was.Userinfo) ||
		!either(own.Userinfo, e.Userinfo, now.Userinfo) ||
		p.accepts(pin.Algorithms) && !p.accepts(found.Algorithms)
}

// accepts reports whether a published list names an algorithm that may sign
// here; no list says nothing.
func (p *Provider) accepts(published []string) bool {
	return len(published) == 0 || slices.ContainsFunc(published, func(alg string) bool { return slices.Contains(p.o.Algorithms, alg) })
}

// spokenOtherwise reports a difference in how the endpoints want to be spoken
// to, which goes on as pinned until an operator adopts it.
func (p *Provider) spokenOtherwise(found Pin) bool {
	pin := p.trusted.pin
	if p.o.Endpoints.complete() {
		return false // it is configured
	}
	return found.ResponseIss != pin.ResponseIss ||
		p.o.AuthMethod == "" && preferred(found.AuthMethods) != preferred(pin.AuthMethods)
}

// agreedElsewhere reports whether an operator has adopted at another node what
// is found here, and then adopts it too.
func (p *Provider) agreedElsewhere(ctx context.Context, found Pin) bool {
	if err := p.reread(ctx); err != nil {
		p.warn(ctx, "pinned metadata", err)
		return false
	}
	return !p.moved(found)
}

// reread asks the store whether the pin was replaced. The caller holds mu.
func (p *Provider) reread(ctx context.Context) error {
	if p.o.Pins == nil || p.trusted.foreign || !p.trusted.kept {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.o.Timeout)
	defer cancel()
	pin, found, err := p.o.Pins.Pin(ctx, p.o.Instance.ID)
	if err != nil || !found || pin.says(*p.trusted.pin) {
		return err
	}
	return p.believe(ctx, pin, true)
}

// followUserinfo takes from a document that there is a userinfo endpoint, or
// that there is none: a profile is not proof.
func (p *Provider) followUserinfo(found Pin) error {
	m := p.known.Load()
	at := p.o.Endpoints.Or(Endpoints{Userinfo: found.Endpoints.Userinfo}).Userinfo
	if p.o.Endpoints.complete() || m.at.Userinfo == at {
		return nil
	}
	next := m.at
	next.Userinfo = at
	assembled, err := p.assemble(next, *p.trusted.pin, m)
	if err != nil {
		return err
	}
	p.known.Store(assembled)
	return nil
}

// Pending returns the endpoints that the provider publishes instead of the
// pinned ones, and whether there is anything that waits for an operator.
func (p *Provider) Pending() (Endpoints, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.trusted.pending == nil {
		return Endpoints{}, false
	}
	return p.trusted.pending.Endpoints, true
}

// Adopt makes what the provider publishes the pin, because an operator says so.
// A process that has not seen the change looks first. Another issuer, or an
// endpoint that leads to a place that is closed, is never adopted. Errors are
// [ErrNothingPending], those of [Provider.Discover], and the store's.
func (p *Provider) Adopt(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.discoverLocked(ctx); err != nil && !errors.Is(err, errMoved) {
		return err
	}
	if p.trusted.pending == nil {
		return ErrNothingPending
	}
	pin := *p.trusted.pending
	if p.o.Pins != nil && !p.trusted.foreign {
		ctx, cancel := context.WithTimeout(ctx, p.o.Timeout)
		defer cancel()
		if err := p.o.Pins.ReplacePin(ctx, pin); err != nil {
			return fmt.Errorf("keep the adopted metadata: %w", err)
		}
		p.trusted.kept = true
	}
	if err := p.use(pin); err != nil {
		return err
	}
	p.failed = nil
	p.o.Logger.InfoContext(ctx, "provider's metadata adopted", slog.String("provider", p.o.Instance.ID))
	return nil
}
