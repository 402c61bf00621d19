package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
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

// Header values shared by all answers: their capacity is their length, so nobody
// can append to them in place.
var (
	noStore = []string{"no-store"}
	closing = []string{"close"}
)

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
	lines := b.logger.With(slog.String("event", "request"), slog.String("route", rt.pattern)).Handler() // written once
	private := rt.class == page || rt.class == form || rt.class == elsewhere
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		x := b.exchange(w, r)
		header := w.Header()
		header["Bongsu-Request-Id"] = x.requestID[:]
		if private {
			header["Cache-Control"] = noStore // redirects too: they carry cookies and codes
		}
		if b.draining.Load() {
			header["Connection"] = closing // the next request goes elsewhere
		}
		if rt.class != document { // those are the same for everybody, and not worth a copy of the request
			x.address = b.clientAddress(r)
			r = r.WithContext(&x.visit)
		}
		err := b.guarded(rt, &x.answer, r)
		if err != nil {
			b.fail(rt, &x.answer, r, err)
		}
		count(x.status())
		b.logRequest(lines, x, r, started, err)
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

// logRequest writes the line of one request to what has the route's name already.
func (b *Broker) logRequest(lines slog.Handler, x *exchange, r *http.Request, started time.Time, err error) {
	level := slog.LevelInfo
	if x.status() >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	if !lines.Enabled(&x.visit, level) {
		return
	}
	now := time.Now()
	record := slog.NewRecord(now, level, "request", 0) // nobody asks for the line of source
	record.AddAttrs(slog.Int("status", x.status()), slog.Int64("dur_us", now.Sub(started).Microseconds()))
	if login := r.PathValue("id"); login != "" {
		if _, ok := id.DatedAt(login); ok { // one of ours, and nothing that somebody wrote
			record.AddAttrs(slog.String("login", login))
		}
	}
	if err != nil {
		record.AddAttrs(slog.String("error", err.Error()))
	}
	_ = lines.Handle(&x.visit, record) // the log has nowhere to say that it cannot be written
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
