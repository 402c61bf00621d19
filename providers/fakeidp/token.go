package fakeidp

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// refreshLives is how long refresh tokens live, and how long it is known who
// authorized the client before.
const refreshLives = 60 * 24 * time.Hour

// tokens are what a code is redeemed for.
type tokens struct {
	access  string
	refresh string // empty when the dialect issues none
	id      string // empty without ID token
}

// parameters are those of the body; of the query too where the endpoint takes GET.
func (c *call) parameters() url.Values {
	if c.route.allows(http.MethodGet) {
		return c.r.Form
	}
	return c.r.PostForm
}

func (c *call) token() {
	identify := c.u.dialect.identify
	if identify == nil {
		identify = bySecret
	}
	if why := identify(c); why != "" {
		c.refuse(why)
		return
	}
	g, why := c.granted()
	if why != "" {
		c.refuse(why)
		return
	}
	issued, err := c.issue(g)
	if err != nil {
		c.u.server.o.Logger.Error("simulated upstream cannot sign", "upstream", c.u.name, "err", err)
		c.refuse(internal)
		return
	}
	c.u.tell(Event{What: Redeemed, Endpoint: Token, Person: g.person.Name})
	c.write(c.u.dialect.token(g, issued))
}

// bySecret checks client_id and client_secret in the body, or by HTTP Basic
// (RFC 6749 2.3.1) where the dialect takes it.
func bySecret(c *call) refusal {
	in := c.parameters()
	id, secret := in.Get("client_id"), in.Get("client_secret")
	if user, password, ok := c.r.BasicAuth(); ok && c.u.dialect.basic {
		var err1, err2 error
		id, err1 = url.QueryUnescape(user)
		secret, err2 = url.QueryUnescape(password)
		if errors.Join(err1, err2) != nil {
			return malformed
		}
	}
	switch {
	case id != c.u.client.ID:
		return unknownClient
	case subtle.ConstantTimeCompare([]byte(secret), []byte(c.u.client.Secret)) != 1:
		return wrongSecret
	}
	return ""
}

// granted returns what the code or the refresh token stands for.
func (c *call) granted() (grant, refusal) {
	in := c.parameters()
	switch in.Get("grant_type") {
	case "authorization_code":
		return c.redeem(in)
	case "refresh_token":
		if g, ok := c.u.refresh.find(in.Get("refresh_token")); ok {
			g.nonce = "" // OpenID Connect Core 12.2
			return g, ""
		}
		return grant{}, wrongCode
	default:
		return grant{}, wrongGrantType
	}
}

func (c *call) redeem(in url.Values) (grant, refusal) {
	g, ok := c.u.codes.take(in.Get("code"))
	if !ok {
		return grant{}, wrongCode
	}
	bare := c.u.dialect.bareRedeem && !in.Has("redirect_uri")
	if !bare && in.Get("redirect_uri") != g.redirectURI {
		return grant{}, wrongRedirect
	}
	sum := sha256.Sum256([]byte(in.Get("code_verifier")))
	if g.challenge != "" && base64.RawURLEncoding.EncodeToString(sum[:]) != g.challenge {
		return grant{}, wrongVerifier
	}
	if _, before := c.u.known.find(g.subject); !before {
		c.u.known.put(g.subject, true, refreshLives)
	}
	return g, ""
}

func (c *call) issue(g grant) (tokens, error) {
	d := c.u.dialect
	issued := tokens{access: c.u.server.random()}
	if d.refreshes {
		issued.refresh = c.u.server.random()
		c.u.refresh.put(issued.refresh, g, refreshLives)
	}
	c.u.access.put(issued.access, g, d.tokenLives)
	if !d.idToken || d.onlyIfAsked && !g.has("openid") {
		return issued, nil
	}
	claims := c.u.idTokenClaims(g, issued.access)
	if f := c.knobs.fault; f.claims != nil && c.hit {
		f.claims(c.u, f.scope.Variant, claims)
	}
	if c.knobs.claims != nil {
		c.knobs.claims(claims)
	}
	var err error
	issued.id, err = c.knobs.sign(c.u, c.honest(), claims, c.hit)
	return issued, err
}

func (u *Upstream) idTokenClaims(g grant, access string) map[string]any {
	now := u.server.o.Now()
	claims := map[string]any{
		"iss": u.Issuer(),
		"aud": g.clientID,
		"sub": g.subject,
		"iat": now.Unix(),
		"exp": now.Add(u.dialect.idTokenLives).Unix(),
	}
	if g.nonce != "" {
		claims["nonce"] = g.nonce
	}
	maps.Copy(claims, u.dialect.claims(u, g, access))
	return claims
}

// honest is how the upstream signs what the request asks for.
func (c *call) honest() Signer {
	if c.u.dialect.signer != nil {
		return c.u.dialect.signer(c)
	}
	return NewestKey()
}

func (k knobs) sign(u *Upstream, honest Signer, claims map[string]any, hit bool) (string, error) {
	signer := honest
	if k.signer != nil {
		signer = k.signer
	}
	if k.fault.sign != nil && hit {
		if foreign := k.fault.sign(k.fault.scope.Variant); foreign != nil {
			signer = foreign
		}
	}
	return signer(u, claims, k.header)
}

// Sign signs claims as an ID token of this upstream is signed now: fault,
// signer and header edits included. It fails on claims that JSON cannot hold
// and on a [KeyID] that never was.
func (u *Upstream) Sign(claims map[string]any) (string, error) {
	return u.current().sign(u, NewestKey(), claims, true)
}

// AccessToken returns a new access token of a person for any client, whom the
// upstream need not know: a token that was issued to another app.
func (u *Upstream) AccessToken(person, clientID string) string {
	token := u.server.random()
	u.access.put(token, grant{
		clientID: clientID,
		scope:    []string{"openid", "email", "profile"},
		person:   u.server.PersonNamed(person),
		subject:  u.Subject(person),
		at:       u.server.o.Now(),
	}, u.dialect.tokenLives)
	return token
}

// profile answers userinfo, the list of addresses and token info.
func (c *call) profile() {
	token, why := c.asked()
	if why != "" {
		c.refuse(why)
		return
	}
	g, ok := c.u.access.find(token)
	if !ok {
		c.w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		c.refuse(wrongToken)
		return
	}
	if c.route.list != nil {
		c.encode(http.StatusOK, c.route.list(c.u, g))
		return
	}
	c.write(c.route.document(c.u, g))
}

// asked is the access token that the request is about, and why it is not
// answered.
func (c *call) asked() (token string, why refusal) {
	if c.u.dialect.asked != nil {
		return c.u.dialect.asked(c)
	}
	return c.bearer(), ""
}

// known returns token if it is one, for calls in which an app asks about it.
func (c *call) known(token string) (string, refusal) {
	if _, ok := c.u.access.find(token); !ok {
		return "", noSuchToken
	}
	return token, ""
}

// bearer is the access token of the request.
func (c *call) bearer() string {
	token, ok := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	if !ok && c.route.endpoint == TokenInfo {
		token = c.r.Form.Get("access_token")
	}
	return token
}

// accessHash is at_hash (OpenID Connect Core 3.1.3.6) for tokens signed with SHA-256.
func accessHash(access string) string {
	sum := sha256.Sum256([]byte(access))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
