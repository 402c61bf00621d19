package login

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/bongsu/bongsu/broker/cookie"
	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/web"
	"github.com/bongsu/bongsu/keys/seal"
)

// How long a login may take: unused, and at most.
const (
	idleLife = 10 * time.Minute
	fullLife = 30 * time.Minute
)

// Purpose is what a login is for. It is bound into its seal and into the
// upstream state.
type Purpose string

// The purposes. All but PurposeLogin are our own: no website asked for them,
// and they end on the account page.
const (
	PurposeLogin   Purpose = "login"   // signing in to a website
	PurposeAccount Purpose = "account" // signing in to the account page itself
	PurposeLink    Purpose = "link"    // giving the account of a session another way in
	PurposeConfirm Purpose = "confirm" // proving oneself again, before something that cannot be undone
	PurposeReauth  Purpose = "reauth"  // proving oneself again, to take a way from the account of a session
)

// The seals of this package.
const (
	sealLogin seal.Purpose = "login"
	sealDone  seal.Purpose = "login done"
	sealGone  seal.Purpose = "login carried"
	sealState seal.Purpose = "upstream state"
	sealPost  seal.Purpose = "authorize posted"
	sealBack  seal.Purpose = "callback posted"
)

// errNoLogin means that this browser has no such login: expired, finished
// elsewhere, or never begun here.
var errNoLogin = errors.New("login: no such login in this browser")

// Login is a pending login. It travels sealed in a cookie of the browser that
// began it; whoever has no cookie can complete nothing.
type Login struct {
	ID       string                     `json:"i"`
	Purpose  Purpose                    `json:"p"`
	Secret   []byte                     `json:"k"` // 32 bytes; nonces, verifiers and step tokens derive from it
	Client   string                     `json:"c"`
	Request  oauth.AuthorizationRequest `json:"r"`
	Began    int64                      `json:"b"`           // Unix seconds
	Seen     int64                      `json:"s"`           // last change, Unix seconds
	Hinted   string                     `json:"u,omitempty"` // the subject that a verified id_token_hint names
	Lang     string                     `json:"l,omitempty"` // chosen on a page of this login
	Failures []Failure                  `json:"f,omitempty"` // of this login's legs, oldest first
	Last     string                     `json:"z,omitempty"` // the way that the browser came back from last
	Proof    *Proof                     `json:"o,omitempty"` // the identity proven last, until its place is known
	Drill    string                     `json:"q,omitempty"` // the drill that it takes part in

	Came []string `json:"e,omitempty"` // the sites that it came from, the latest last

	// New is an identity that nobody has, kept until the person has proven whose
	// it shall be.
	New *Proof `json:"n,omitempty"`

	// Waits is since when the login waits for the writer, in Unix seconds; 0: it
	// does not.
	Waits int64 `json:"v,omitempty"`

	// Answer is what the person let the website see.
	Answer *answer `json:"g,omitempty"`

	// The rest is of logins that are bound to a session, see [Login.bound]; Session
	// and Account also of those that wait for the person's yes with the session
	// that this browser has.
	Session string   `json:"d,omitempty"` // sid
	Account string   `json:"a,omitempty"`
	Way     string   `json:"t,omitempty"` // the provider instance that is linked or unlinked
	Remove  string   `json:"x,omitempty"` // tag of the identity to unlink, see linkTag
	Then    string   `json:"h,omitempty"` // the page that the person proves themselves for, a task
	Linked  []string `json:"y,omitempty"` // provider instances that the account can be proven by
	Owner   *Proof   `json:"w,omitempty"` // an identity that the account has, proven in this login
}

// own reports whether no website asked for this login.
func (l *Login) own() bool { return l.Purpose != PurposeLogin }

// bound reports whether the login belongs to a session and its account, and may
// end only while the browser still has that very session.
func (l *Login) bound() bool {
	return l.Purpose == PurposeLink || l.Purpose == PurposeReauth || l.Purpose == PurposeConfirm
}

// Failure is a leg that did not end well.
type Failure struct {
	Way    string     `json:"w"`
	Reason web.Reason `json:"r"`
}

// done is what remains of a login that has ended: where the person may go on.
type done struct {
	Client string `json:"c"`
	At     int64  `json:"t"`
}

// gone is a login that went on at another site, for a way. It is none here, unless
// the person comes back to it.
type gone struct {
	Login *Login `json:"o"`
	Way   string `json:"w"`
}

// failed notes that a way failed, replacing what was known of it.
func (l *Login) failed(way string, reason web.Reason) {
	kept := l.Failures[:0]
	for _, f := range l.Failures {
		if f.Way != way {
			kept = append(kept, f)
		}
	}
	l.Failures = append(kept, Failure{Way: way, Reason: reason})
}

// succeeded forgets that a way failed.
func (l *Login) succeeded(way string) {
	l.Failures = slices.DeleteFunc(l.Failures, func(f Failure) bool { return f.Way == way })
}

// failedWays are the ways that failed in this login, the latest last. A person
// who changed their mind is no failure of the way.
func (l *Login) failedWays() []string {
	var failed []string
	for _, f := range l.Failures {
		if f.Reason != web.ReasonDenied {
			failed = append(failed, f.Way)
		}
	}
	return failed
}

// turnedAway reports whether the last leg was not begun because its provider
// bears no more.
func (l *Login) turnedAway() bool {
	n := len(l.Failures)
	return n > 0 && l.Failures[n-1].Reason == web.ReasonBusy
}

// expired reports whether the login may no longer go on.
func (l *Login) expired(now time.Time) bool {
	return now.Sub(time.Unix(l.Began, 0)) > fullLife || now.Sub(time.Unix(l.Seen, 0)) > idleLife
}

// cookies keeps logins in the browser.
type cookies struct {
	jar  cookie.Jar
	seal Sealer
	now  func() time.Time
}

// group is the start of every login cookie's name; ids sort by age.
const group = "login_"

// keep seals the login into its cookie. One too large for the cookie is
// shortened: what a provider tells of a person never ends a login.
func (c cookies) keep(w http.ResponseWriter, r *http.Request, l *Login) error {
	l.Seen = c.now().Unix()
	sealed, err := c.sealed(l)
	for err == nil && len(sealed) > cookie.MaxValue && l.shorten() {
		sealed, err = c.sealed(l)
	}
	if err != nil {
		return err
	}
	if len(sealed) > cookie.MaxValue {
		return fmt.Errorf("keep login: %d bytes are too many for a cookie", len(sealed))
	}
	name := group + l.ID
	c.jar.Bound(w, r, group, name, len(name)+len(sealed)+32)
	c.jar.Set(w, name, sealed, fullLife+time.Hour) // an expired one still says which website to go back to
	return nil
}

func (c cookies) sealed(l *Login) (string, error) {
	plain, err := json.Marshal(l)
	if err != nil {
		return "", fmt.Errorf("encode login: %w", err)
	}
	sealed, err := c.seal.Seal(sealLogin, plain)
	if err != nil {
		return "", fmt.Errorf("seal login: %w", err)
	}
	return sealed, nil
}

// read returns the login loginID of the browser that sent r. errNoLogin: it
// has none that may go on. Any other error means that it could not be checked.
func (c cookies) read(ctx context.Context, r *http.Request, loginID string) (*Login, error) {
	l, err := c.begun(ctx, r, loginID)
	if err != nil {
		return nil, err
	}
	if l.expired(c.now()) {
		return nil, errNoLogin
	}
	return l, nil
}

// begun is read for logins that may have expired: they still say which website
// to start again at.
func (c cookies) begun(ctx context.Context, r *http.Request, loginID string) (*Login, error) {
	plain, err := c.open(ctx, r, loginID, sealLogin)
	if err != nil {
		return nil, err
	}
	var l Login
	if err := json.Unmarshal(plain, &l); err != nil || l.ID != loginID || l.own() != (l.Client == "") {
		return nil, errNoLogin
	}
	return &l, nil
}

// finish replaces the login by the mark that it has ended.
func (c cookies) finish(w http.ResponseWriter, l *Login) error {
	plain, err := json.Marshal(done{Client: l.Client, At: c.now().Unix()})
	if err != nil {
		return fmt.Errorf("encode end of login: %w", err)
	}
	sealed, err := c.seal.Seal(sealDone, plain)
	if err != nil {
		return fmt.Errorf("seal end of login: %w", err)
	}
	c.jar.Set(w, group+l.ID, sealed, idleLife)
	return nil
}

// finished returns the mark of a login that has ended in this browser.
func (c cookies) finished(ctx context.Context, r *http.Request, loginID string) (done, bool) {
	plain, err := c.open(ctx, r, loginID, sealDone)
	if err != nil {
		return done{}, false
	}
	var d done
	if err := json.Unmarshal(plain, &d); err != nil {
		return done{}, false
	}
	return d, true
}

// carried replaces the login by the mark that it went on at another site.
func (c cookies) carried(w http.ResponseWriter, r *http.Request, l *Login, way string) error {
	plain, err := json.Marshal(gone{Login: l, Way: way})
	if err != nil {
		return fmt.Errorf("encode carried login: %w", err)
	}
	sealed, err := c.seal.Seal(sealGone, plain)
	if err != nil {
		return fmt.Errorf("seal carried login: %w", err)
	}
	name := group + l.ID
	if len(sealed) > cookie.MaxValue { // then it cannot be taken back
		c.jar.Clear(w, name)
		return nil
	}
	c.jar.Bound(w, r, group, name, len(name)+len(sealed)+32)
	c.jar.Set(w, name, sealed, fullLife)
	return nil
}

// away returns a login that went on at another site and may still go on, and the
// way that it went for.
func (c cookies) away(ctx context.Context, r *http.Request, loginID string) (l *Login, way string, ok bool) {
	plain, err := c.open(ctx, r, loginID, sealGone)
	if err != nil {
		return nil, "", false
	}
	var g gone
	if json.Unmarshal(plain, &g) != nil || g.Login == nil || g.Login.ID != loginID || g.Login.expired(c.now()) {
		return nil, "", false
	}
	return g.Login, g.Way, true
}

func (c cookies) open(ctx context.Context, r *http.Request, loginID string, p seal.Purpose) ([]byte, error) {
	if !id.Valid(loginID, id.DatedLength) {
		return nil, errNoLogin
	}
	sealed := c.jar.Read(r, group+loginID)
	if sealed == "" {
		return nil, errNoLogin
	}
	plain, err := c.seal.Open(ctx, p, sealed)
	if errors.Is(err, seal.ErrInvalid) {
		return nil, errNoLogin
	}
	if err != nil {
		return nil, fmt.Errorf("open login: %w", err)
	}
	return plain, nil
}
