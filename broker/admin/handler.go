package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/store"
)

const (
	maxBody     = 4 << 10 // of an order
	maxReason   = store.MaxReason
	actWithin   = 5 * time.Second  // what the store may take for an order
	countWithin = 20 * time.Second // and for counting
	retryAfter  = 2                // seconds, with 503
)

// Handler serves operators. It is safe for concurrent use.
type Handler struct {
	o         Options
	operators atomic.Pointer[[]Operator]
}

// New returns a handler.
func New(o Options) (*Handler, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	h := &Handler{o: o}
	h.SetOperators(o.Operators)
	return h, nil
}

// SetOperators makes those, and nobody else, the operators from the next request on.
func (h *Handler) SetOperators(operators []Operator) { h.operators.Store(&operators) }

// Route is one line of the admin listener's table.
type Route struct {
	Pattern string // method and path, as net/http's ServeMux takes it
	Handle  func(http.ResponseWriter, *http.Request) error
}

// Routes is every path of this package. A handler writes its own answer, errors
// included; what it returns is for the log.
func (h *Handler) Routes() []Route {
	return slices.Concat([]Route{
		{"GET /admin/health", h.see(h.health)},
		{"GET /admin/health/{provider}", h.see(h.explain)},
		{"GET /admin/providers", h.see(h.providers)},
		{"POST /admin/providers/{provider}/disable", h.act("provider.disable", h.disable)},
		{"POST /admin/providers/{provider}/enable", h.act("provider.enable", h.enable)},
		{"POST /admin/providers/{provider}/retire", h.act("provider.retire", h.retire)},
		{"POST /admin/providers/{provider}/distrust", h.act("provider.distrust", h.distrust)},
		{"POST /admin/providers/{provider}/adopt", h.act("provider.adopt", h.adopt)},
		{"POST /admin/providers/{provider}/test", h.act("provider.test", h.testProvider)},
		{"POST /admin/providers/{provider}/migrate", h.act("provider.migrate", h.migrate)},
		{"PUT /admin/providers/{provider}/secret", h.act("provider.secret.set", h.setSecret)},
		{"DELETE /admin/providers/{provider}/secret", h.act("provider.secret.drop", h.dropSecret)},
		{"PUT /admin/outages/{provider}", h.act("outage.declare", h.declare)},
		{"DELETE /admin/outages/{provider}", h.act("outage.end", h.endOutage)},
		{"GET /admin/coverage", h.see(h.coverage)},
		{"GET /admin/drills", h.see(h.drills)},
		{"POST /admin/drills", h.act("drill.start", h.startDrill)},
		{"GET /admin/drills/{id}", h.see(h.drillReport)},
		{"POST /admin/drills/{id}/stop", h.act("drill.stop", h.stopDrill)},
		{"GET /admin/lever", h.see(h.lever)},
		{"PUT /admin/lever", h.act("drill.lever", h.pullLever)},
	}, h.clientRoutes(), h.accountRoutes())
}

// call is one request of a known operator.
type call struct {
	ctx      context.Context
	r        *http.Request
	operator string

	patient context.Context // for what takes longer than orders do

	object  string // what an order is about, for the audit
	account string // whom, for the audit, which writes it as its keyed hash
	reason  string // why, in the operator's words
}

// see serves a question.
func (h *Handler) see(answer func(*call) (any, error)) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		operator, refused := h.admit(r)
		if refused != nil {
			return write(w, refused)
		}
		ctx, cancel := context.WithTimeout(r.Context(), countWithin)
		defer cancel()
		got, err := answer(&call{ctx: ctx, r: r, operator: operator})
		return respond(w, got, err)
	}
}

// act serves an order. It is audited, however it ends.
func (h *Handler) act(action string, do func(*call) (any, error)) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		operator, refused := h.admit(r)
		if refused != nil {
			return write(w, refused)
		}
		// An order that was understood is carried out, whether or not whoever gave
		// it still listens.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), actWithin)
		defer cancel()
		c := &call{
			ctx: ctx, patient: context.WithoutCancel(r.Context()), r: r, operator: operator,
			object: r.PathValue("provider") + r.PathValue("id") + r.PathValue("client"),
		}
		got, err := do(c)
		outcome := "done"
		if err != nil {
			outcome = string(problem(err).Code)
		}
		h.o.Audit.Record(r.Context(), audit.Event{
			Name: audit.OperatorActed, Operator: operator, Action: action, Object: short(clean(c.object)), Account: c.account,
			Why: c.reason, Reason: outcome,
		})
		return respond(w, got, err)
	}
}

// body reads what comes with an order, strictly.
func (c *call) body(into any) error { return c.bodyOf(into, maxBody) }

// bodyOf is body, of at most limit bytes.
func (c *call) bodyOf(into any, limit int64) error {
	if kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return &Problem{Title: "Send application/json.", Status: http.StatusUnsupportedMediaType, Code: CodeInvalid}
	}
	text, err := io.ReadAll(io.LimitReader(c.r.Body, limit+1))
	if err != nil {
		return invalid("The body could not be read.")
	}
	if int64(len(text)) > limit {
		return &Problem{Title: "The body is too large.", Status: http.StatusRequestEntityTooLarge, Code: CodeInvalid}
	}
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(into); err != nil {
		return invalid("The body is not what this order takes.")
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return invalid("There is more than one value in the body.")
	}
	return nil
}

// because takes note of an operator's reason.
func (c *call) because(reason string) error {
	if len(reason) > maxReason || reason != clean(reason) {
		return invalid("The reason must be at most 255 bytes of text in one line.")
	}
	c.reason = reason
	return nil
}

// clean is text without what could forge a line.
func clean(text string) string {
	if !utf8.ValidString(text) {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, text)
}

// short is at most as much text as a reason may have.
func short(text string) string { return strings.ToValidUTF8(text[:min(len(text), maxReason)], "") }

// respond answers with got, or with the problem that err is.
func respond(w http.ResponseWriter, got any, err error) error {
	if err != nil {
		return errors.Join(err, write(w, problem(err)))
	}
	return answer(w, http.StatusOK, "application/json", got)
}

// write answers with a problem.
func write(w http.ResponseWriter, p *Problem) error {
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
	}
	if p.Code == CodeUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="operators"`)
	}
	return answer(w, p.Status, "application/problem+json", p)
}

func answer(w http.ResponseWriter, status int, kind string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // an error means that nobody listens any more
	return nil
}
