package client

import (
	"cmp"
	"slices"

	"github.com/bongsu/bongsu/keys"
)

// How subjects are issued (OpenID Connect Core 8).
const (
	SubjectPublic   = "public"   // the same for every client
	SubjectPairwise = "pairwise" // one per sector
)

// The grant types a client may be registered for.
const (
	GrantAuthorizationCode = "authorization_code"
	GrantClientCredentials = "client_credentials"
	GrantRefreshToken      = "refresh_token" // beside authorization_code; tokens are given for the scope offline_access
)

// The ways a client authenticates.
const (
	AuthBasic         = "client_secret_basic"
	AuthPost          = "client_secret_post"
	AuthNone          = "none"
	AuthPrivateKeyJWT = "private_key_jwt" // an assertion signed with a key of the client's (RFC 7523)
)

// What the audience of a client's assertions is.
const (
	AudienceIssuer        = "issuer"         // our issuer (RFC 10070)
	AudienceTokenEndpoint = "token_endpoint" // the token endpoint's URL, which older libraries send
)

// What a login does that is finished while nobody knows the store's writer.
const (
	WriterGoneNode = "node" // it goes on: the node that issues its code is the code's arbiter
	WriterGoneWait = "wait" // the person waits on our page until the writer is back
)

// Client is a registered taker of logins. Those that come out of a [Registry]
// are complete (defaults filled in), shared and never change.
type Client struct {
	ID    string            // 1 to 64 of A-Z a-z 0-9 . _ ~ -
	Tag   string            // short name of ID in upstream state: 6 lower-case letters and digits; the Registry fills it in
	Name  string            // what people read, at most 100 characters
	Names map[string]string // the same per language

	Public       bool // cannot keep a secret: PKCE always
	Native       bool // an installed app: loopback and private-use redirect URIs
	FirstParty   bool // the operator's own: no consent
	PKCEOptional bool // confidential only

	SecretHashes [][32]byte // SHA-256, one or two while a secret is rotated
	AuthMethod   string     // pinned; empty: client_secret_basic or _post; a public client's is none

	// Of private_key_jwt, which has no secrets: one of JWKS and JWKSURI.
	JWKS              string // the client's public keys, a JWK set (RFC 7517 5)
	JWKSURI           string // where they are published
	AssertionAudience string // AudienceIssuer (default) or AudienceTokenEndpoint

	RedirectURIs           []string // at most 32 of at most 512 bytes
	PostLogoutRedirectURIs []string
	GrantTypes             []string // nil: authorization_code; [GrantRefreshToken] beside it alone

	// BackchannelLogoutURI is told when a session ends that the client got a
	// login from; empty: it is not told (OpenID Connect Back-Channel Logout 1.0 2.2).
	BackchannelLogoutURI string
	// BackchannelLogoutSessionRequired says that the client needs the sid, which
	// is always sent where there is one.
	BackchannelLogoutSessionRequired bool

	Subject    string         // SubjectPublic (default) or SubjectPairwise
	Sector     string         // pairwise: host name the subject is for; default: the one host of the redirect URIs
	IDTokenAlg keys.Algorithm // default RS256
	MinACR     string         // weakest acr the client takes; empty: any
	Providers  []string       // ids of the ways it allows, in order; nil: all
	// StaleAllowed says that people may log in while this site has been cut off for
	// so long that what happened elsewhere, a disabled account above all, may not be
	// known here.
	StaleAllowed bool
	// WriterGone is what happens to a login that is finished while nobody knows the
	// store's writer: WriterGoneNode (default) or WriterGoneWait.
	WriterGone string
	// Continuation says that people whom this browser brought before may go on while
	// no database answers: they get a login of [choice.ACRContinued].
	Continuation bool
	// OptionalScopes are asked for, but people may leave them out: email, phone.
	// The others are required, or the person does not log in there.
	OptionalScopes []string
	Language       string // pages speak it when the request and the browser say nothing; may be empty

	URI              string // home page
	InitiateLoginURI string // where a login can be begun anew (OpenID Connect Core 4)
	LogoURI          string
	PolicyURI        string
	TermsURI         string

	Origins []string // for CORS: scheme, host and port of the http(s) redirect URIs; the Registry fills it in

	keys  *keys.ClientKeys               // JWKS, parsed; the Registry fills it in
	wider func(uri string) bool          // development only, see InsecureRedirects
	used  func(id string, hash [32]byte) // told of a right secret, see NoteSecrets; may be nil
}

// AllowsGrant reports whether the client is registered for that grant type.
func (c *Client) AllowsGrant(grant string) bool {
	if c.GrantTypes == nil {
		return grant == GrantAuthorizationCode
	}
	return slices.Contains(c.GrantTypes, grant)
}

// AllowsAuth reports whether the client may authenticate by that method.
func (c *Client) AllowsAuth(method string) bool {
	switch {
	case c.Public:
		return method == AuthNone
	case c.AuthMethod != "":
		return method == c.AuthMethod
	}
	return method == AuthBasic || method == AuthPost
}

// Waits reports whether people wait while nobody knows the store's writer.
func (c *Client) Waits() bool { return c.WriterGone == WriterGoneWait }

// Keys returns the keys of JWKS; nil when the client has none, or has them at
// JWKSURI.
func (c *Client) Keys() *keys.ClientKeys { return c.keys }

// AllowsWay reports whether the client takes logins by the way with that id.
func (c *Client) AllowsWay(id string) bool {
	return c.Providers == nil || slices.Contains(c.Providers, id)
}

// Optional reports whether people may leave that scope out.
func (c *Client) Optional(scope string) bool { return slices.Contains(c.OptionalScopes, scope) }

// RequiresPKCE reports whether every authorization request must carry a challenge.
func (c *Client) RequiresPKCE() bool { return c.Public || !c.PKCEOptional }

// DisplayName returns the client's name in lang, or its only one.
func (c *Client) DisplayName(lang string) string {
	if n := c.Names[lang]; n != "" {
		return n
	}
	if c.Name != "" {
		return c.Name
	}
	return c.ID
}

// Home returns where a person finds the website again: the address that begins
// a login there, else its home page. Empty when neither is registered.
func (c *Client) Home() string { return cmp.Or(c.InitiateLoginURI, c.URI) }

// complete returns a copy of c with everything filled in that has a default or
// is derived.
func (c *Client) complete(o options) *Client {
	full := *c
	full.Tag = TagOf(c.ID)
	if full.GrantTypes == nil {
		full.GrantTypes = []string{GrantAuthorizationCode}
	}
	if full.Subject == "" {
		full.Subject = SubjectPublic
	}
	if full.IDTokenAlg == "" {
		full.IDTokenAlg = "RS256"
	}
	if full.Public {
		full.AuthMethod = AuthNone
	}
	if hosts := hostsOf(c.RedirectURIs); full.Subject == SubjectPairwise && full.Sector == "" && len(hosts) == 1 {
		full.Sector = hosts[0]
	}
	if full.AuthMethod == AuthPrivateKeyJWT && full.AssertionAudience == "" {
		full.AssertionAudience = AudienceIssuer
	}
	if full.JWKS != "" {
		full.keys, _ = keys.ParseClientKeys([]byte(full.JWKS)) // Validate has seen that it can be
	}
	full.Origins = originsOf(c.RedirectURIs)
	full.wider, full.used = o.wider, o.used
	return &full
}
