package fakeidp

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	maxBody = 64 << 10 // bytes of a request's body
	maxHeld = 4096     // requests held at once; further ones are closed at once
)

// call is one request under way at one endpoint.
type call struct {
	u     *Upstream
	knobs knobs
	route route
	from  source
	hit   bool // the fault that holds covers this request
	w     http.ResponseWriter
	r     *http.Request
	body  []byte // that is no form
}

func (u *Upstream) serve(w http.ResponseWriter, r *http.Request, path string) {
	at, found := u.dialect.route(path)
	u.catchUp()
	k, changed := u.arrive(at.endpoint)
	c := &call{u: u, knobs: k, route: at, from: u.server.sourceOf(r), w: w, r: r}

	readable := c.read() // first, so that the server notices when the client leaves
	met := c.meet()
	c.endure(met, changed)
	u.delay(r, k.delays[at.endpoint], nil)

	switch answer := k.answers[at.endpoint]; {
	case !found:
		http.NotFound(w, r)
	case answer != nil:
		answer(w, r)
	case met.answer != nil:
		met.answer(c)
	case !at.allows(r.Method):
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
	case !readable:
		c.refuse(malformed)
	default:
		c.answer()
	}
}

// meet asks the fault that holds.
func (c *call) meet() meeting {
	c.hit = c.touches(c.route.endpoint)
	return c.met(c.hit)
}

func (c *call) met(touched bool) meeting {
	f := c.knobs.fault
	if f.meet == nil || !touched {
		return meeting{}
	}
	return f.meet(c, f.scope)
}

// endure lets pass what comes before an answer; it does not return when none
// comes.
func (c *call) endure(met meeting, changed <-chan struct{}) {
	if met.abort {
		panic(http.ErrAbortHandler)
	}
	if met.hold {
		c.u.hold(c.r, c.route.endpoint, changed)
	}
	c.u.delay(c.r, met.late, changed)
}

// arrive counts a request and takes the knobs that hold for it.
func (u *Upstream) arrive(e Endpoint) (knobs, <-chan struct{}) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if e != "" {
		u.counts[e]++
	}
	return u.knobs, u.changed
}

// read parses the form and reads the body to its end.
func (c *call) read() bool {
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, maxBody)
	if c.r.ParseForm() != nil {
		return false
	}
	var err error
	c.body, err = io.ReadAll(c.r.Body)
	return err == nil
}

func (c *call) answer() {
	switch c.route.endpoint {
	case Authorize:
		c.authorize()
	case Continue:
		c.goOn()
	case Cancel:
		c.cancel()
	case Token:
		c.token()
	case Userinfo, Emails, TokenInfo:
		c.profile()
	case JWKS:
		c.write(c.keySet())
	case Discovery:
		c.discovery()
	case Status:
		c.status()
	}
}

// hold keeps a request without an answer until the client leaves, the fault
// changes, the server closes or its patience ends, and closes the connection.
func (u *Upstream) hold(r *http.Request, e Endpoint, changed <-chan struct{}) {
	s := u.server
	defer s.held.Add(-1)
	if s.held.Add(1) <= maxHeld {
		u.tell(Event{What: Held, Endpoint: e})
		s.wait(r, u.patience(), changed)
	}
	panic(http.ErrAbortHandler)
}

// delay waits for d, or until the fault changes. A client that left, or a
// server that closes, gets no answer.
func (u *Upstream) delay(r *http.Request, d time.Duration, changed <-chan struct{}) {
	if d > 0 && !u.server.wait(r, d, changed) {
		panic(http.ErrAbortHandler)
	}
}

// wait reports whether there is still somebody to answer.
func (s *Server) wait(r *http.Request, d time.Duration, changed <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-changed:
		return true
	case <-r.Context().Done():
		return false
	case <-s.closed:
		return false
	}
}

// refuse writes the dialect's error at a server endpoint, a page elsewhere.
func (c *call) refuse(why refusal) {
	c.u.tell(Event{What: Refused, Endpoint: c.route.endpoint, Detail: string(why)})
	switch c.route.endpoint {
	case Authorize, Continue, Cancel:
		c.refusalPage(string(why))
		return
	}
	c.reply(c.u.dialect.refuse(c.route.endpoint, why))
}

func (c *call) reply(answer reply) {
	if answer.document == nil {
		c.w.Header().Set("Content-Type", "text/html; charset=utf-8")
		c.w.WriteHeader(answer.status)
		_, _ = io.WriteString(c.w, answer.text) // a client that left needs no answer
		return
	}
	c.encode(answer.status, answer.document)
}

// write sends a successful document, after the test had its say.
func (c *call) write(document map[string]any) {
	if edit := c.knobs.documents[c.route.endpoint]; edit != nil {
		edit(document)
	}
	c.encode(http.StatusOK, document)
}

func (c *call) encode(status int, document any) {
	body, err := json.Marshal(document)
	if err != nil { // only an edit can put in what JSON has no form for
		http.Error(c.w, fmt.Sprintf("encode answer: %v", err), http.StatusInternalServerError)
		return
	}
	h := c.w.Header()
	h.Set("Content-Type", "application/json;charset=UTF-8")
	if c.u.dialect.plain {
		h.Set("Content-Type", "text/plain")
	}
	if d, ok := document.(map[string]any); ok && c.route.endpoint == Token && c.u.dialect.byAccept && !strings.Contains(c.r.Header.Get("Accept"), "json") {
		h.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		body = []byte(asForm(d))
	}
	switch c.route.endpoint {
	case JWKS, Discovery:
		h.Set("Cache-Control", "public, max-age=3600")
	default:
		h.Set("Cache-Control", "no-store")
		h.Set("Pragma", "no-cache")
	}
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body) // a client that left needs no answer
}

// asForm is a document as GitHub writes it to those who do not ask for JSON.
func asForm(document map[string]any) string {
	form := url.Values{}
	for name, value := range document {
		form.Set(name, fmt.Sprint(value))
	}
	return form.Encode()
}

func (c *call) discovery() {
	document := c.u.dialect.discovery(c.u)
	if c.knobs.advertiseIss {
		document["authorization_response_iss_parameter_supported"] = true
	}
	if f := c.knobs.fault; f.discovery != nil && c.hit {
		f.discovery(c.u, f.scope.Variant, document)
	}
	c.write(document)
}

// keySet is what is published. A key that a fault signs with is there for
// everybody: nobody who reads the set is anybody's login.
func (c *call) keySet() map[string]any {
	published := c.u.keys.published()
	if f := c.knobs.fault; f.keys != nil && (c.hit || f.sign != nil) {
		published = f.keys(c.u, published)
	}
	keys := []any{}
	for _, key := range published {
		keys = append(keys, key.public())
	}
	return map[string]any{"keys": keys}
}

// Reply returns a handler that always gives one answer, for
// [Upstream.AnswerWith].
func Reply(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // a client that left needs no answer
	}
}

// Redirect returns a handler that sends every request to target with 302, for
// [Upstream.AnswerWith].
func Redirect(target string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, target, http.StatusFound) }
}

// appended returns redirectURI with parameters added to its query.
func appended(redirectURI string, parameters url.Values) string {
	u, err := url.Parse(redirectURI)
	if err != nil {
		return redirectURI // it was checked before
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += parameters.Encode()
	return u.String()
}
