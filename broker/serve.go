package broker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/login"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/session"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/web"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/seal"
)

// retryAfter is what "could not check" tells callers to wait, in seconds.
const retryAfter = 2

// noStore is shared by all answers: its capacity is its length, so nobody can
// append to it in place.
var noStore = []string{"no-store"}

// mux builds the handler of a table of routes.
func (b *Broker) mux(table []route) http.Handler {
	mux := http.NewServeMux()
	methods := make(map[string][]string)
	for _, rt := range table {
		mux.Handle(rt.pattern, b.serve(rt))
		method, path, _ := strings.Cut(rt.pattern, " ")
		methods[path] = append(methods[path], method)
	}
	nowhere := b.serve(route{pattern: "/", class: page, handle: b.nowhere})
	for path, allowed := range methods {
		switch folder, ok := strings.CutSuffix(path, "/"); {
		case ok:
			mux.Handle(folder, nowhere) // or the mux would redirect with 307
		case path != "/{$}":
			mux.Handle(path, b.serve(route{pattern: path, class: machine, handle: wrongMethod(allowed)}))
		}
	}
	mux.Handle("/", nowhere)
	return mux
}

// serve adapts a route: it runs the guards of its class, renders its error, and
// writes one log line and one count per request. Handlers never log.
func (b *Broker) serve(rt route) http.Handler {
	count := b.metrics.route(rt.pattern)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		support := newSupportCode()
		answer := &answer{ResponseWriter: w}
		w.Header()["Bongsu-Request-Id"] = []string{support}
		if rt.class == page || rt.class == form || rt.class == elsewhere {
			w.Header()["Cache-Control"] = noStore // redirects too: they carry cookies and codes
		}
		r = r.WithContext(context.WithValue(r.Context(), visitorKey{}, b.visitor(r, support)))
		if b.draining.Load() {
			w.Header()["Connection"] = []string{"close"} // the next request goes elsewhere
		}
		err := b.guarded(rt, answer, r)
		if err != nil {
			b.fail(rt, answer, r, err)
		}
		count(answer.status())
		b.logRequest(r, rt, answer.status(), time.Since(started), err)
	})
}

// guarded runs the handler behind its class's guards. A panic is an error like
// any other: one request's.
func (b *Broker) guarded(rt route, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	if rt.class == form {
		if err := b.crossOrigin.Check(r); err != nil {
			return &login.Problem{Kind: web.ProblemForbidden, Status: http.StatusForbidden, Err: err}
		}
	}
	if rt.class == machine {
		b.allowOrigin(w, r)
	}
	if b.contradicted.Load() && rt.class != document && rt.class != inside {
		return errContradicted
	}
	return rt.handle(w, r)
}

// fail is the one renderer of errors. What nobody classified means that
// something could not be done, never that something is so.
func (b *Broker) fail(rt route, w *answer, r *http.Request, err error) {
	if w.code != 0 {
		return // the answer has begun; the log says what broke it
	}
	if rt.class == machine || rt.class == document || rt.class == inside {
		oauth.WriteError(w, machineError(err))
		return
	}
	problem, status := pageProblem(err)
	var about *client.Client
	var elsewhere web.Elsewhere
	if found, ok := errors.AsType[*login.Problem](err); ok {
		about, elsewhere = found.Client, found.Elsewhere
	}
	problem.Frame = b.frame(r, about, "")
	problem.Elsewhere = elsewhere
	if !b.options.Dev {
		problem.Detail = ""
	}
	if status == http.StatusServiceUnavailable && problem.RetryAfter == 0 {
		problem.RetryAfter = retryAfter
	}
	if err := b.pages.Write(w, status, problem); err != nil {
		b.logger.LogAttrs(r.Context(), slog.LevelError, "render problem page", slog.Any("error", err))
	}
}

// machineError puts any error into the words of RFC 6749 5.2.
func machineError(err error) error {
	var known *oauth.Error
	switch {
	case errors.As(err, &known):
		return known
	case unchecked(err):
		return oauth.TemporarilyUnavailable("The request could not be checked; try again.").With(err)
	default:
		return oauth.ServerError("The request failed here; nothing was decided.").With(err)
	}
}

// pageProblem puts any error into a page.
func pageProblem(err error) (web.Problem, int) {
	var known *login.Problem
	var refused *oauth.Error
	switch {
	case errors.As(err, &known):
		return web.Problem{Kind: known.Kind, Detail: known.Detail, RetryHref: known.RetryHref, RetryAfter: known.RetryAfter}, known.Status
	case errors.Is(err, session.ErrForm):
		return web.Problem{Kind: web.ProblemForbidden}, http.StatusForbidden
	case errors.As(err, &refused):
		return web.Problem{Kind: web.ProblemRequest, Detail: refused.Description}, refused.Status
	case unchecked(err):
		return web.Problem{Kind: web.ProblemUnavailable}, http.StatusServiceUnavailable
	default:
		return web.Problem{Kind: web.ProblemInternal}, http.StatusInternalServerError
	}
}

// unchecked reports whether err means that nothing is known (P5).
func unchecked(err error) bool {
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, seal.ErrUnavailable) || errors.Is(err, keys.ErrUnavailable) || errors.Is(err, keys.ErrNoKey) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

func (b *Broker) nowhere(http.ResponseWriter, *http.Request) error {
	return &login.Problem{Kind: web.ProblemNotFound, Status: http.StatusNotFound}
}

// wrongMethod answers a known path asked in another way than it takes.
func wrongMethod(allowed []string) func(http.ResponseWriter, *http.Request) error {
	slices.Sort(allowed)
	allow := strings.Join(slices.Compact(allowed), ", ")
	return func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Allow", allow)
		refusal := oauth.InvalidRequest("This endpoint takes " + allow + " only.")
		refusal.Status = http.StatusMethodNotAllowed
		return refusal
	}
}

// allowOrigin lets scripts of registered websites read machine endpoints; no
// credentials of the browser are involved.
func (b *Broker) allowOrigin(w http.ResponseWriter, r *http.Request) {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return
	}
	header := w.Header()
	header.Add("Vary", "Origin")
	if b.clients.OriginAllowed(origin) {
		header.Set("Access-Control-Allow-Origin", origin)
		header.Set("Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After, Bongsu-Request-Id")
	}
}

// preflight answers a browser that asks before it calls a machine endpoint.
func (b *Broker) preflight(w http.ResponseWriter, _ *http.Request) error {
	header := w.Header()
	if header.Get("Access-Control-Allow-Origin") != "" {
		header.Set("Access-Control-Allow-Methods", "GET, POST")
		header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
		header.Set("Access-Control-Max-Age", "600")
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (b *Broker) logRequest(r *http.Request, rt route, status int, took time.Duration, err error) {
	level := slog.LevelInfo
	if status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	if !b.logger.Enabled(r.Context(), level) {
		return
	}
	attrs := [6]slog.Attr{
		slog.String("event", "request"),
		slog.String("route", rt.pattern),
		slog.Int("status", status),
		slog.Int64("dur_us", took.Microseconds()),
	}
	n := 4
	if login := r.PathValue("id"); login != "" {
		if _, ok := id.DatedAt(login); ok { // one of ours, and nothing that somebody wrote
			attrs[n] = slog.String("login", login)
			n++
		}
	}
	if err != nil {
		attrs[n] = slog.String("error", err.Error())
		n++
	}
	b.logger.LogAttrs(r.Context(), level, "request", attrs[:n]...)
}

// answer remembers whether and how an answer has begun.
type answer struct {
	http.ResponseWriter

	code int
}

// WriteHeader implements [http.ResponseWriter].
func (a *answer) WriteHeader(code int) {
	if a.code == 0 {
		a.code = code
	}
	a.ResponseWriter.WriteHeader(code)
}

// Write implements [http.ResponseWriter].
func (a *answer) Write(body []byte) (int, error) {
	if a.code == 0 {
		a.code = http.StatusOK
	}
	return a.ResponseWriter.Write(body)
}

// Unwrap lets [http.ResponseController] reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) status() int {
	if a.code == 0 {
		return http.StatusOK
	}
	return a.code
}

type visitorKey struct{}

// visitor is what a request's context says of it.
type visitor struct {
	support string
	address netip.Addr // zero: nobody trustworthy says
	trace   string     // of a trusted proxy; empty: none
}

func (b *Broker) visitor(r *http.Request, support string) visitor {
	v := visitor{support: support, address: b.clientAddress(r)}
	if parent := r.Header.Get("traceparent"); parent != "" && b.fromProxy(r) {
		v.trace = traceID(parent)
	}
	return v
}

// crockford has no letters that are read for one another.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// newSupportCode names a request so that a person can read it out: "7F3K-92QD".
func newSupportCode() string {
	var raw [8]byte
	_, _ = rand.Read(raw[:]) // never fails since Go 1.24
	code := make([]byte, 0, 9)
	for i, c := range raw {
		if i == 4 {
			code = append(code, '-')
		}
		code = append(code, crockford[c%32])
	}
	return string(code)
}

func supportCode(ctx context.Context) string {
	v, _ := ctx.Value(visitorKey{}).(visitor)
	return v.support
}

func addressOf(ctx context.Context) netip.Addr {
	v, _ := ctx.Value(visitorKey{}).(visitor)
	return v.address
}
