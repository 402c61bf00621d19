package brokertest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bongsu/bongsu/broker/dev/browser"
)

// Answer is what a website got back through the browser (RFC 6749 4.1.2).
type Answer struct {
	Request Request
	URL     *url.URL // all of it
	Code    string
	Error   string
	Text    string // error_description
}

// AuthorizeURL is where a browser begins the login that r asks for.
func (n *Node) AuthorizeURL(r Request) string { return n.Issuer + "/authorize?" + r.Encode() }

// Login lets person log in by way and opens an account where they have none.
// What comes back must be a code.
func (n *Node) Login(b *Browser, way, person string, r Request) Answer {
	n.t.Helper()
	page := b.Open(n.AuthorizeURL(r))
	if page.Has("way-" + way) {
		page = b.Click("way-" + way)
	}
	if page.Has("continue") {
		page = b.Continue(person)
	}
	if page.Has("new-account") {
		page = b.Click("new-account")
	}
	answer := n.Answered(page, r)
	if answer.Code == "" {
		n.t.Fatalf("the website got %s: %s", answer.Error, answer.Text)
	}
	return answer
}

// Answered reads what the website was sent, where the browser is there. Every
// answer must carry its state and the issuer (RFC 9207), and no token.
func (n *Node) Answered(page *browser.Page, r Request) Answer {
	n.t.Helper()
	wanted := r.Get("redirect_uri")
	got := page.URL.Scheme + "://" + page.URL.Host + page.URL.Path
	if got != wanted {
		n.t.Fatalf("the browser is at %s and not at the website: %d %s", got, page.Status, page.Text())
	}
	query := page.URL.Query()
	if iss := query["iss"]; len(iss) != 1 || iss[0] != n.Issuer {
		n.t.Errorf("the answer's iss is %q", iss)
	}
	if query.Get("state") != r.Get("state") && len(r.Values["state"]) == 1 {
		n.t.Errorf("the answer's state is %q", query.Get("state"))
	}
	for name := range query {
		switch name {
		case "code", "state", "iss", "error", "error_description":
		default:
			n.t.Errorf("the answer carries %s", name)
		}
	}
	if page.URL.Fragment != "" {
		n.t.Error("the answer has a fragment")
	}
	answer := Answer{Request: r, URL: page.URL, Code: query.Get("code"), Error: query.Get("error"), Text: query.Get("error_description")}
	if (answer.Code == "") == (answer.Error == "") {
		n.t.Errorf("the answer is neither a code nor an error: %s", query.Encode())
	}
	n.Secret("code", answer.Code)
	return answer
}

// Response is an answer read to its end.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
	Took   time.Duration
}

// JSON decodes the body; what is none is nil.
func (r Response) JSON() map[string]any {
	var v map[string]any
	if json.Unmarshal(r.Body, &v) != nil {
		return nil
	}
	return v
}

// Text returns a member of the JSON body that is a text, or "".
func (r Response) Text(name string) string {
	text, _ := r.JSON()[name].(string)
	return text
}

// Do sends a request as it is and follows nothing. Answers of the broker are
// held to the rules for all cases.
func (n *Node) Do(r *http.Request) Response {
	n.t.Helper()
	began := time.Now()
	response, err := n.transport.RoundTrip(r)
	if err != nil {
		n.t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
		return Response{}
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		n.t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	n.inspect(r, response)
	return Response{Status: response.StatusCode, Header: response.Header, Body: body, Took: time.Since(began)}
}

// Ask sends a request without a body to a path of the node. A header given
// twice is sent twice.
func (n *Node) Ask(method, path string, headers ...string) Response {
	n.t.Helper()
	return n.Do(n.request(method, path, nil, headers))
}

// Post sends a form to a path of the node.
func (n *Node) Post(path string, form url.Values, headers ...string) Response {
	n.t.Helper()
	headers = append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)
	return n.Do(n.request(http.MethodPost, path, strings.NewReader(form.Encode()), headers))
}

// Send sends any body of any type to a path of the node.
func (n *Node) Send(method, path, kind, body string, headers ...string) Response {
	n.t.Helper()
	return n.Do(n.request(method, path, strings.NewReader(body), append([]string{"Content-Type", kind}, headers...)))
}

func (n *Node) request(method, path string, body io.Reader, headers []string) *http.Request {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), 20*time.Second)
	n.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, n.Issuer+path, body)
	if err != nil {
		n.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

// Basic is the Authorization header of a website (RFC 6749 2.3.1).
func (w Website) Basic() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(w.ID)+":"+url.QueryEscape(w.Secret)))
}

// Form is the token request that redeems the answer's code, with everything
// right but the client's secret, which travels in the header.
func (a Answer) Form() url.Values {
	form := url.Values{"grant_type": {"authorization_code"}, "code": {a.Code}, "redirect_uri": {a.Request.Get("redirect_uri")}}
	if a.Request.Verifier != "" {
		form.Set("code_verifier", a.Request.Verifier)
	}
	if a.Request.Website.Secret == "" {
		form.Set("client_id", a.Request.Website.ID)
	}
	return form
}

// Redeem sends the token request of the answer's own website, changed.
func (n *Node) Redeem(a Answer, changes ...func(url.Values)) Response {
	n.t.Helper()
	return n.RedeemAs(a.Request.Website, a, changes...)
}

// RedeemAs sends the token request as w, correctly authenticated.
func (n *Node) RedeemAs(w Website, a Answer, changes ...func(url.Values)) Response {
	n.t.Helper()
	form := a.Form()
	if w.Secret == "" {
		form.Set("client_id", w.ID)
	}
	for _, change := range changes {
		change(form)
	}
	var headers []string
	if w.Secret != "" {
		headers = []string{"Authorization", w.Basic()}
	}
	n.Secret("verifier", form.Get("code_verifier"))
	n.Secret("client secret", w.Secret)
	answer := n.Post("/token", form, headers...)
	n.Secret("token", answer.Text("access_token"), answer.Text("id_token"))
	return answer
}

// Userinfo asks userinfo with an access token, or what pretends to be one.
func (n *Node) Userinfo(token string) Response {
	n.t.Helper()
	return n.Ask(http.MethodGet, "/userinfo", "Authorization", "Bearer "+token)
}

// Claims decodes the payload of a JWS without checking anything.
func Claims(token string) map[string]any {
	var claims map[string]any
	if parts := strings.Split(token, "."); len(parts) == 3 {
		payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
		_ = json.Unmarshal(payload, &claims)
	}
	return claims
}

// AskAdmin asks a path of the admin listener.
func (n *Node) AskAdmin(path string) Response {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, n.Admin+path, nil)
	if err != nil {
		n.t.Fatal(err)
	}
	return n.Do(r)
}
