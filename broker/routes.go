package broker

import (
	"net/http"

	"github.com/bongsu/bongsu/broker/handoff"
	"github.com/bongsu/bongsu/broker/status"
	"github.com/bongsu/bongsu/broker/token"
	"github.com/bongsu/bongsu/broker/web"
)

// class says whom a route answers: how its errors look and which guards stand
// in front.
type class uint8

const (
	page      class = iota // people: errors are pages
	form                   // our own forms: same origin only; errors are pages
	elsewhere              // a POST from another site: reads no cookie; errors are pages
	machine                // websites' servers and scripts: errors are JSON
	document               // prepared public documents
	inside                 // the admin listener only
)

// route is one line of the table.
type route struct {
	pattern string // method and path, as net/http's ServeMux takes it
	class   class
	handle  func(http.ResponseWriter, *http.Request) error
}

// routes is every path of the public listener: a security review starts here.
func (b *Broker) routes() []route {
	discovery := token.ServeDocument(func() token.Document { return b.discovery })
	jwks := b.metrics.keySet(b.config.Site, token.ServeDocument(b.jwks))
	return []route{
		{"GET /authorize", page, b.mayStart(b.login.Authorize)},
		{"POST /authorize", elsewhere, b.mayStart(b.login.AuthorizePosted)},
		{"GET /callback/{provider}", page, b.login.Callback},
		{"POST /callback/{provider}", elsewhere, b.login.CallbackPosted},
		{"GET " + handoff.Path, page, b.mayStart(b.login.Continue)},
		{"GET /login/{id}", page, b.login.Page},
		{"GET /login/{id}/menu", page, b.login.Menu},
		{"GET /login/{id}/go/{way}", page, b.login.Go},
		{"POST /login/{id}/new-account", form, b.login.NewAccount},
		{"POST /login/{id}/link", form, b.login.Link},
		{"POST /login/{id}/unlink", form, b.login.Unlink},
		{"POST /login/{id}/agree", form, b.login.Agree},
		{"POST /login/{id}/cancel", form, b.login.Cancel},

		{"GET /logout", page, b.logout.Start},
		{"POST /logout", elsewhere, b.logout.Posted},
		{"POST /logout/confirm", form, b.logout.Confirmed},
		{"GET /account", page, b.accountPage},
		{"GET /account/sign-in", page, b.mayStart(b.login.SignIn)},
		{"POST /account/language", form, b.keepLanguage},
		{"POST /account/sessions/end", form, b.endDevice},
		{"POST /account/services/end", form, b.takeAway},
		{"GET /account/sign-out-everywhere", page, b.stepPage(web.StepEverywhere, "")},
		{"POST /account/sign-out-everywhere", form, b.signOutEverywhere},
		{"GET /account/data", page, b.stepPage(web.StepData, "data")},
		{"POST /account/data", form, b.downloadData},
		{"GET /account/delete", page, b.stepPage(web.StepDelete, "delete")},
		{"POST /account/delete", form, b.deleteAccount},
		{"POST /account/confirm/{task}", form, b.login.BeginConfirm},
		{"POST /account/link/{provider}", form, b.login.BeginLink},
		{"POST /account/unlink/{provider}", form, b.login.BeginUnlink},
		{"GET /{$}", page, b.home},

		{"GET " + status.Path, page, b.status.Page},
		{"GET " + status.JSONPath, document, b.status.JSON},
		{"OPTIONS " + status.JSONPath, document, b.status.Preflight},

		{"POST /token", machine, b.token.Token},
		{"OPTIONS /token", machine, b.preflight},
		{"GET /userinfo", machine, b.token.Userinfo},
		{"POST /userinfo", machine, b.token.Userinfo},
		{"OPTIONS /userinfo", machine, b.preflight},

		{"POST /introspect", machine, b.token.Introspect},
		{"POST /revoke", machine, b.token.Revoke},
		{"OPTIONS /revoke", machine, b.preflight},

		{"GET /.well-known/openid-configuration", document, discovery},
		{"GET /.well-known/oauth-authorization-server", document, discovery},
		{"GET /jwks", document, jwks},
		{"GET /assets/", document, plain(b.pages.Assets())},
	}
}

// adminRoutes is every path of the admin listener. None of them asks a
// provider or a peer anything (P10).
func (b *Broker) adminRoutes() []route {
	table := []route{
		{"GET /livez", inside, b.livez},
		{"GET /readyz", inside, b.readyz},
		{"GET /metrics", inside, plain(b.metrics.handler())},
	}
	for _, r := range b.desk.Routes() { // under /admin/, each for operators alone
		table = append(table, route{r.Pattern, inside, r.Handle})
	}
	return table
}

// plain takes a handler that cannot fail.
func plain(h http.Handler) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		h.ServeHTTP(w, r)
		return nil
	}
}
