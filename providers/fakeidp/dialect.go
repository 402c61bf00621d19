package fakeidp

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"time"
)

// Dialect names how an upstream speaks: its paths, documents, errors and
// deviations from the standards.
type Dialect string

// The dialects. OpenID and OAuth2 keep to the standards and name no company.
const (
	Kakao  Dialect = "kakao"
	Naver  Dialect = "naver" // the OAuth 2.0 family, without ID tokens
	Google Dialect = "google"
	Apple  Dialect = "apple"

	Entra    Dialect = "entra"
	Discord  Dialect = "discord"
	Telegram Dialect = "telegram"
	WeChat   Dialect = "wechat"
	Zalo     Dialect = "zalo"

	NaverOpenID Dialect = "naver-openid" // the OpenID Connect family
	LINE        Dialect = "line"
	GitHub      Dialect = "github"
	Facebook    Dialect = "facebook"

	OpenID Dialect = "openid"
	OAuth2 Dialect = "oauth2" // without ID tokens, with a token-info call
)

// dialects holds every dialect: a new one is a file and a line here.
var dialects = map[Dialect]*dialect{
	Kakao:  kakao(),
	Naver:  naver(),
	Google: google(),
	Apple:  apple(),

	Entra:    entra(),
	Discord:  discord(),
	Telegram: telegram(),
	WeChat:   weChat(),
	Zalo:     zalo(),

	NaverOpenID: naverOpenID(),
	LINE:        line(),
	GitHub:      gitHub(),
	Facebook:    facebook(),

	OpenID: openID(),
	OAuth2: oauth2(),
}

// dialect is what differs between upstreams; everything else is in the
// endpoints, once.
type dialect struct {
	name   Dialect
	title  string // what the page calls it; empty is the upstream's name
	routes []route

	clientParam string // what the client id is called on the way to the page; empty is client_id

	idToken      bool // issues ID tokens
	onlyIfAsked  bool // and only when the scope holds openid
	formPost     bool // can answer by form post (OAuth 2.0 Form Post Response Mode)
	basic        bool // takes the client secret by HTTP Basic too
	plain        bool // says that its documents are text/plain
	byAccept     bool // the token endpoint answers in JSON only if Accept says so
	ec           bool // its keys are P-256: it signs ES256
	bareRedeem   bool // redeems a code without its redirect URI
	refreshes    bool // issues refresh tokens
	codeLives    time.Duration
	tokenLives   time.Duration
	idTokenLives time.Duration
	declined     url.Values // what the browser brings back from a person who said no

	fixed   map[string]string         // subjects that are always the same, by person
	subject func(sum [32]byte) string // every other subject
	code    func(random string) string

	check     func(authorization) string                    // a reason to refuse the request on the page; nil never
	extra     func(*Upstream, grant) url.Values             // beside code and state; nil is nothing
	identify  func(*call) refusal                           // who calls the token endpoint; nil is id and secret
	asked     func(*call) (string, refusal)                 // the token that a profile call is about; nil is the bearer's
	signer    func(*call) Signer                            // of ID tokens; nil is the newest key
	discovery func(*Upstream) map[string]any                // nil where there is none
	claims    func(*Upstream, grant, string) map[string]any // of an ID token beside the usual; the access token is told for at_hash
	token     func(grant, tokens) map[string]any            // the answer to a redeemed code
	refuse    func(e Endpoint, why refusal) reply           // every error of the server endpoints
}

// route is one path of an upstream.
type route struct {
	endpoint Endpoint
	path     string
	methods  []string                              // GET includes HEAD
	document func(*Upstream, grant) map[string]any // of userinfo and token info
	list     func(*Upstream, grant) []any          // instead, where the answer is a list
}

func (d *dialect) route(path string) (route, bool) {
	i := slices.IndexFunc(d.routes, func(r route) bool { return r.is(path) })
	if i < 0 {
		return route{}, false
	}
	return d.routes[i], true
}

// is reports whether at is the route's path, in which * stands for one element.
func (r route) is(at string) bool {
	matched, err := path.Match(r.path, at)
	return err == nil && matched
}

// has reports whether the dialect serves e.
func (d *dialect) has(e Endpoint) bool {
	return slices.ContainsFunc(d.routes, func(r route) bool { return r.endpoint == e })
}

func (r route) allows(method string) bool {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	return slices.Contains(r.methods, method)
}

var (
	get       = []string{http.MethodGet}
	post      = []string{http.MethodPost}
	getOrPost = []string{http.MethodGet, http.MethodPost}
)

// pages are the routes of the person's page at path, and of the status feed.
// Continue, Cancel and Status are ours: real upstreams have sessions and scripts
// there, and their feed at yet another company.
func pages(path string) []route {
	return []route{
		{endpoint: Authorize, path: path, methods: getOrPost},
		{endpoint: Continue, path: path + "/continue", methods: get},
		{endpoint: Cancel, path: path + "/cancel", methods: get},
		{endpoint: Status, path: "/status.json", methods: get},
	}
}

// refusal is why a request is not answered as asked. Dialects have their own
// words for each.
type refusal string

const (
	unknownClient  refusal = "unknown client"
	wrongSecret    refusal = "wrong client secret"
	wrongGrantType refusal = "unsupported grant type"
	wrongCode      refusal = "unknown, used or expired code"
	wrongRedirect  refusal = "redirect URI mismatch"
	wrongVerifier  refusal = "PKCE verifier mismatch"
	wrongToken     refusal = "unknown or expired access token"
	noSuchToken    refusal = "an app asks about an unknown or expired access token"
	malformed      refusal = "malformed request"
	internal       refusal = "internal error"
	disguised      refusal = "internal error in disguise" // as if the request were wrong
	suspended      refusal = "the app is suspended"
)

// standardError is the code RFC 6749 5.2 or RFC 6750 3.1 has for a refusal,
// with its status.
func (r refusal) standardError() (status int, code string) {
	switch r {
	case unknownClient, wrongSecret:
		return http.StatusUnauthorized, "invalid_client"
	case wrongGrantType:
		return http.StatusBadRequest, "unsupported_grant_type"
	case wrongCode, wrongRedirect, wrongVerifier:
		return http.StatusBadRequest, "invalid_grant"
	case wrongToken:
		return http.StatusUnauthorized, "invalid_token"
	case internal:
		return http.StatusInternalServerError, "server_error"
	case disguised:
		return http.StatusUnauthorized, "unauthorized"
	case suspended:
		return http.StatusUnauthorized, "unauthorized_client"
	default:
		return http.StatusBadRequest, "invalid_request"
	}
}

// reply is an answer about to be written: a JSON document or a text.
type reply struct {
	status   int
	document map[string]any
	text     string // HTML, when document is nil
}

func problem(status int, code, description string) reply {
	return reply{status: status, document: map[string]any{"error": code, "error_description": description}}
}
