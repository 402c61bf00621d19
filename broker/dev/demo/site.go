package demo

import (
	"crypto/rand"
	_ "embed" // the style sheet
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bongsu/bongsu/broker/dev/look"
)

//go:embed assets/demo.css
var sheet []byte

// Options says where the website stands and which client it is.
type Options struct {
	URL          string // its own address, "http://localhost:8418"
	Issuer       string // the issuer it trusts, "http://localhost:8417"
	ClientID     string
	ClientSecret string
	Switchboard  string // linked from every page

	Transport http.RoundTripper // to the issuer; nil is one of its own, see Close
	Logger    *slog.Logger      // nil discards
	Now       func() time.Time  // nil is time.Now
	Rand      io.Reader         // nil is crypto/rand.Reader

	// Down returns the ids of the ways that stand still right now, for the
	// sentence that says so; nil says nothing.
	Down func() []string
	// OnLogin is told of every login that was completed here; nil is nobody.
	OnLogin func(Login)
}

// Login is a login that was completed at the website, without anything that
// tells who it was.
type Login struct {
	Way  string // provider instance id; empty when the ID token does not say
	Same bool   // the subject is that of this browser's login before
	Past bool   // this browser had logged in before
}

func (o Options) validate() error {
	var problems []error
	for _, field := range []struct{ name, value string }{
		{"url", o.URL}, {"issuer", o.Issuer}, {"switchboard", o.Switchboard},
	} {
		u, err := url.Parse(field.value)
		if err != nil || u.Host == "" || strings.HasSuffix(field.value, "/") {
			problems = append(problems, fmt.Errorf("demo: %s %q is no URL without a trailing slash", field.name, field.value))
		}
	}
	if o.ClientID == "" {
		problems = append(problems, errors.New("demo: no client id"))
	}
	return errors.Join(problems...)
}

// Site is the website. It is an [http.Handler], safe for concurrent use.
type Site struct {
	options Options
	party   *party
	visits  *visits
	cookie  string // name of the visit's cookie
	lang    string // name of the language's cookie
	own     *http.Transport
	mux     *http.ServeMux
}

// New returns the website. It asks the issuer nothing before the first login.
func New(o Options) (*Site, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	s := &Site{options: o, visits: newVisits(o.Now)}
	if o.Transport == nil {
		s.own = &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute}
		o.Transport = s.own
	}
	s.party = newParty(o)
	// Browsers share cookies between ports: the port keeps two demo websites
	// apart, the word demo keeps them apart from a broker's.
	own, err := url.Parse(o.URL)
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	s.cookie = "bongsu_demo_" + own.Port() + "_visit"
	s.lang = "bongsu_demo_" + own.Port() + "_lang"
	s.mux = s.routes()
	return s, nil
}

// Close closes idle connections to the issuer.
func (s *Site) Close() {
	if s.own != nil {
		s.own.CloseIdleConnections()
	}
}

// ServeHTTP implements [http.Handler].
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

func (s *Site) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.page(s.home))
	mux.HandleFunc("GET /login", s.page(s.login))
	mux.HandleFunc("GET /callback", s.page(s.callback))
	mux.HandleFunc("GET /logout", s.page(s.logout))
	mux.Handle("GET /assets/demo.css", look.Asset("text/css; charset=utf-8", look.Sheet(sheet)))
	mux.Handle("GET /assets/copy.js", look.Asset("text/javascript; charset=utf-8", look.CopyScript()))
	mux.HandleFunc("GET /", s.page(func(w http.ResponseWriter, r *http.Request) error {
		return s.problem(w, r, failure{Status: http.StatusNotFound, Reason: reasonMissing})
	}))
	return mux
}

// page adapts a handler whose error becomes a page and one line in the log.
func (s *Site) page(handle func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
		err := handle(w, r)
		if err == nil {
			return
		}
		var failed failure
		if !errors.As(err, &failed) {
			failed = failure{Status: http.StatusInternalServerError, Reason: reasonOurs, cause: err}
		}
		s.options.Logger.LogAttrs(r.Context(), slog.LevelInfo, "demo website", slog.String("event", "demo.failed"),
			slog.String("path", r.URL.Path), slog.String("reason", string(failed.Reason)), slog.Any("error", failed.cause))
		if err := s.problem(w, r, failed); err != nil {
			http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		}
	}
}

// failure is an error that has a page.
type failure struct {
	Status      int
	Reason      reason
	Code        string // the issuer's error, cleaned
	Description string // the issuer's error_description, cleaned
	cause       error  // for the log
}

// reason chooses the words of an error page.
type reason string

const (
	reasonAnswer  reason = "answer"  // the issuer answered with an error
	reasonDenied  reason = "denied"  // … because the person cancelled
	reasonBusy    reason = "busy"    // … because it could not check
	reasonStale   reason = "stale"   // the callback belongs to no login of this browser
	reasonSilent  reason = "silent"  // the issuer does not answer
	reasonToken   reason = "token"   // the code or the token was not accepted
	reasonMissing reason = "missing" // no such page
	reasonOurs    reason = "ours"
)

// Error implements error.
func (f failure) Error() string {
	if f.cause != nil {
		return "demo: " + string(f.Reason) + ": " + f.cause.Error()
	}
	return "demo: " + string(f.Reason)
}

// Unwrap returns what happened underneath.
func (f failure) Unwrap() error { return f.cause }
