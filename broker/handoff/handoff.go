package handoff

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/keys/seal"
)

// Path is where a site takes over what another has packed.
const Path = "/continue"

// Parameters of [Path]: what is carried, the same for every target, and what binds
// it to the one that it is brought to.
const (
	ParamSealed = "login"
	ParamTag    = "for"
)

// Purpose seals handoffs.
const Purpose seal.Purpose = "handoff"

// The bounds of a handoff's life. One that the browser follows at once lives
// shortly; one that stands in a page as a link lives as long as what it carries.
const (
	Brisk   = 30 * time.Second
	Longest = 30 * time.Minute
)

// skew is how far the clock of the site that packed may be ahead of ours.
const skew = 30 * time.Second

// The errors. Any other means that it could not be checked.
var (
	// ErrRefused says that a handoff is not ours, was changed, is for another place
	// or browser, or too old. Nothing was used up.
	ErrRefused = errors.New("handoff: refused")
	// ErrUsed says that a handoff was used before.
	ErrUsed = errors.New("handoff: used before")
	// ErrUnavailable says that nobody could tell whether it was used.
	ErrUnavailable = errors.New("handoff: its arbiter could not be asked")
)

// Refusal is an [ErrRefused] with its reason, from a closed set: form, seal, place,
// browser, age.
type Refusal struct{ Reason string }

// Error implements error.
func (r *Refusal) Error() string { return ErrRefused.Error() + ": " + r.Reason }

// Is reports whether target is [ErrRefused].
func (r *Refusal) Is(target error) bool { return target == ErrRefused }

func refused(reason string) error { return &Refusal{Reason: reason} }

// Target is a site that could take over.
type Target struct {
	Site    string
	Origin  *url.URL
	Arbiter string // "writer" or "site/node": who will decide there
}

// Parcel is what is carried.
type Parcel struct {
	Login   json.RawMessage // the caller's
	Way     string          // what the person chose; empty: to look at what is next
	Browser string          // the name in the browser's mark; not empty
	From    string          // the site that packed; set by [Desk.Pack]
}

// ticket is a parcel as it is sealed.
type ticket struct {
	ID       string            `json:"i"`
	Key      []byte            `json:"k"` // the tags of the targets derive from it
	From     string            `json:"f"`
	Browser  string            `json:"b"`
	Made     int64             `json:"t"` // Unix seconds
	Life     int64             `json:"l"` // seconds
	Way      string            `json:"w,omitempty"`
	Arbiters map[string]string `json:"a"` // by site
	Login    json.RawMessage   `json:"o"`
}

// Sealer seals and opens what travels.
type Sealer interface {
	Seal(p seal.Purpose, plaintext []byte) (string, error)
	Open(ctx context.Context, p seal.Purpose, sealed string) ([]byte, error)
}

// Options is what a desk works with. All is required.
type Options struct {
	Site  string // this one
	Seal  Sealer
	Judge Judge
	Rand  io.Reader
	Now   func() time.Time
}

// Desk packs logins for other sites and opens what they packed. It is safe for
// concurrent use.
type Desk struct{ o Options }

// New returns a desk.
func New(o Options) (*Desk, error) {
	if o.Site == "" || o.Seal == nil || o.Judge == nil || o.Rand == nil || o.Now == nil {
		return nil, errors.New("handoff: every option is required")
	}
	return &Desk{o: o}, nil
}

// Packed is a parcel as it travels: sealed once for all targets, as a page holds it
// once. All values are letters that a query takes as they are.
type Packed struct {
	Sealed string
	At     []Place // in the order of the targets
}

// Place is where one target takes a parcel over.
type Place struct {
	URL string // without a query
	Tag string
}

// Address is the whole address at which the target of that number takes it over.
func (p Packed) Address(i int) string {
	return p.At[i].URL + "?" + ParamSealed + "=" + p.Sealed + "&" + ParamTag + "=" + p.At[i].Tag
}

// Pack seals p once, for all targets. It lives for life, at most [Longest].
func (d *Desk) Pack(p Parcel, life time.Duration, targets ...Target) (Packed, error) {
	if p.Browser == "" {
		return Packed{}, errors.New("handoff: no browser to bind it to")
	}
	name, err := id.New(d.o.Rand)
	if err != nil {
		return Packed{}, err
	}
	key := make([]byte, 16)
	if _, err := io.ReadFull(d.o.Rand, key); err != nil {
		return Packed{}, fmt.Errorf("read randomness: %w", err)
	}
	t := ticket{
		ID: name, Key: key, From: d.o.Site, Browser: p.Browser, Made: d.o.Now().Unix(), Life: int64(min(life, Longest) / time.Second),
		Way: p.Way, Arbiters: make(map[string]string, len(targets)), Login: p.Login,
	}
	for _, target := range targets {
		t.Arbiters[target.Site] = target.Arbiter
	}
	plain, err := json.Marshal(t)
	if err != nil {
		return Packed{}, fmt.Errorf("encode handoff: %w", err)
	}
	sealed, err := d.o.Seal.Seal(Purpose, plain)
	if err != nil {
		return Packed{}, fmt.Errorf("seal handoff: %w", err)
	}
	packed := Packed{Sealed: sealed, At: make([]Place, len(targets))}
	for i, target := range targets {
		packed.At[i] = Place{URL: target.Origin.String() + Path, Tag: t.tag(target.Site)}
	}
	return packed, nil
}

// tag binds an address to the site it leads to.
func (t *ticket) tag(site string) string { return seal.Derive(t.Key, "handoff", site) }

// Opened is a parcel that is for this site and this browser, and may have been used.
type Opened struct {
	Parcel

	claim Claim
}

// Open opens what the query of [Path] carries, for the browser of that name; empty
// for one without a mark. [ErrRefused], as a [*Refusal]: it is not for this place,
// browser and time. Any other error means that it could not be checked. Nothing is
// used up.
func (d *Desk) Open(ctx context.Context, query url.Values, browser string) (*Opened, error) {
	if len(query[ParamSealed]) != 1 || len(query[ParamTag]) != 1 {
		return nil, refused("form")
	}
	plain, err := d.o.Seal.Open(ctx, Purpose, query.Get(ParamSealed))
	if errors.Is(err, seal.ErrInvalid) {
		return nil, refused("seal")
	}
	if err != nil {
		return nil, fmt.Errorf("open handoff: %w", err)
	}
	var t ticket
	if json.Unmarshal(plain, &t) != nil {
		return nil, refused("form")
	}
	arbiter, meant := t.Arbiters[d.o.Site]
	made := time.Unix(t.Made, 0)
	age := d.o.Now().Sub(made)
	life := min(time.Duration(t.Life)*time.Second, Longest)
	switch {
	case !meant || !seal.Same(query.Get(ParamTag), t.tag(d.o.Site)):
		return nil, refused("place")
	case age > life || age < -skew:
		return nil, refused("age")
	case browser == "" || !seal.Same(browser, t.Browser):
		return nil, refused("browser")
	}
	return &Opened{
		Parcel: Parcel{Login: t.Login, Way: t.Way, Browser: t.Browser, From: t.From},
		claim:  Claim{Arbiter: arbiter, ID: t.ID + "." + d.o.Site, Made: t.Made, Until: t.Made + t.Life},
	}, nil
}

// Take uses what was opened. [ErrUsed]: it was used before. [ErrUnavailable]: its
// arbiter could not be asked.
func (d *Desk) Take(ctx context.Context, o *Opened) error {
	attempt, err := id.New(d.o.Rand)
	if err != nil {
		return err
	}
	c := o.claim
	c.Attempt = attempt
	return d.o.Judge.Claim(ctx, c)
}
