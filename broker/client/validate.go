package client

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bongsu/bongsu/broker/choice"
)

// The bounds of a registration.
const (
	maxID       = 64  // bytes
	maxName     = 100 // characters
	maxURI      = 512 // bytes
	maxURIs     = 32
	maxSecrets  = 2
	maxWays     = 32
	maxInstance = 32 // bytes of a provider instance id
	maxScopes   = 16 // that people may leave out
)

// Problem is one thing that is wrong with a registration.
type Problem struct {
	Field  string // as in the configuration: "redirect_uris[0]"
	Reason string // what to change
}

// Error returns field and reason.
func (p *Problem) Error() string { return p.Field + ": " + p.Reason }

// problems collects what is wrong.
type problems []error

func (p *problems) add(field, format string, args ...any) {
	*p = append(*p, &Problem{Field: field, Reason: fmt.Sprintf(format, args...)})
}

// Validate checks a registration and returns every problem at once, joined, each
// a [*Problem].
func (c *Client) Validate(opts ...Option) error {
	loopback := collect(opts).loopback
	var p problems
	c.checkNames(&p)
	c.checkSecrets(&p)
	c.checkAssertions(&p, loopback)
	c.checkBackchannel(&p, loopback)
	c.checkGrants(&p)
	c.checkRedirects(&p, loopback)
	c.checkSubject(&p)
	c.checkPolicy(&p)
	c.checkPages(&p, loopback)
	return errors.Join(p...)
}

func (c *Client) checkNames(p *problems) {
	switch {
	case c.ID == "":
		p.add("id", "is missing")
	case len(c.ID) > maxID || strings.ContainsFunc(c.ID, func(r rune) bool { return !unreserved(r) }):
		p.add("id", "must be at most %d letters, digits, '.', '_', '~' or '-'", maxID)
	}
	if c.Name == "" {
		p.add("name", "is missing: people must see where they log in to")
	}
	checkName(p, "name", c.Name)
	for lang, name := range c.Names {
		field := "names." + lang
		if !isLanguage(lang) {
			p.add("names", "%q is not a language tag", lang)
			continue
		}
		if name == "" {
			p.add(field, "is empty")
		}
		checkName(p, field, name)
	}
}

func checkName(p *problems, field, name string) {
	if utf8.RuneCountInString(name) > maxName {
		p.add(field, "must be at most %d characters", maxName)
	}
	// Unprintable characters include those that turn the direction of text.
	if !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		p.add(field, "must not contain control characters")
	}
}

func (c *Client) checkSecrets(p *problems) {
	n := len(c.SecretHashes)
	switch {
	case c.Public && n > 0:
		p.add("secrets", "a public client cannot keep a secret: remove it, or make the client confidential")
	case c.AuthMethod == AuthPrivateKeyJWT && n > 0:
		p.add("secrets", "a client that signs assertions has none: remove it, or change auth_method")
	case !c.Public && n == 0 && c.AuthMethod != AuthPrivateKeyJWT:
		p.add("secrets", "a confidential client needs one")
	case n > maxSecrets:
		p.add("secrets", "at most %d may live at a time", maxSecrets)
	}
	for i, hash := range c.SecretHashes {
		if hash == ([32]byte{}) || hash == HashSecret("") {
			p.add(fmt.Sprintf("secrets[%d]", i), "is empty")
		}
		if slices.Contains(c.SecretHashes[:i], hash) {
			p.add(fmt.Sprintf("secrets[%d]", i), "is listed twice")
		}
	}
	switch {
	case c.Public && c.AuthMethod != "" && c.AuthMethod != AuthNone:
		p.add("auth_method", "a public client's is %q", AuthNone)
	case !c.Public && c.AuthMethod != "" && c.AuthMethod != AuthBasic && c.AuthMethod != AuthPost && c.AuthMethod != AuthPrivateKeyJWT:
		p.add("auth_method", "must be %q, %q or %q", AuthBasic, AuthPost, AuthPrivateKeyJWT)
	}
	if c.Public && c.PKCEOptional {
		p.add("pkce", "cannot be optional for a public client")
	}
}

// grantTypes are those that are offered.
var grantTypes = []string{GrantAuthorizationCode, GrantClientCredentials, GrantRefreshToken}

func (c *Client) checkGrants(p *problems) {
	if c.GrantTypes != nil && len(c.GrantTypes) == 0 {
		p.add("grant_types", "is empty: leave it out for %q", GrantAuthorizationCode)
	}
	for i, grant := range c.GrantTypes {
		field := fmt.Sprintf("grant_types[%d]", i)
		switch {
		case !slices.Contains(grantTypes, grant):
			p.add(field, "%q is not offered: %q are", grant, grantTypes)
		case grant == GrantClientCredentials && c.Public:
			p.add(field, "a public client cannot use %q", grant)
		case grant == GrantRefreshToken && !slices.Contains(c.GrantTypes, GrantAuthorizationCode):
			p.add(field, "%q needs %q beside it: nothing else gives refresh tokens", grant, GrantAuthorizationCode)
		case slices.Contains(c.GrantTypes[:i], grant):
			p.add(field, "is listed twice")
		}
	}
}

func (c *Client) checkRedirects(p *problems, loopback bool) {
	if len(c.RedirectURIs) == 0 && c.AllowsGrant(GrantAuthorizationCode) {
		p.add("redirect_uris", "at least one is needed for %q", GrantAuthorizationCode)
	}
	c.checkURIs(p, "redirect_uris", c.RedirectURIs, loopback)
	c.checkURIs(p, "post_logout_redirect_uris", c.PostLogoutRedirectURIs, loopback)
}

func (c *Client) checkURIs(p *problems, field string, uris []string, loopback bool) {
	if len(uris) > maxURIs {
		p.add(field, "at most %d may be registered", maxURIs)
		return
	}
	for i, uri := range uris {
		at := fmt.Sprintf("%s[%d]", field, i)
		if reason := c.redirectProblem(uri, loopback); reason != "" {
			p.add(at, "%s", reason)
		} else if slices.Contains(uris[:i], uri) {
			p.add(at, "is listed twice")
		}
	}
}

func (c *Client) checkSubject(p *problems) {
	switch c.Subject {
	case "", SubjectPublic:
		if c.Sector != "" {
			p.add("sector", "has a meaning for pairwise subjects only")
		}
		return
	case SubjectPairwise:
	default:
		p.add("subject", "must be %q or %q", SubjectPublic, SubjectPairwise)
		return
	}
	if c.Sector != "" {
		if !isHost(c.Sector) {
			p.add("sector", "must be a host name in lower case, without scheme, port and path")
		}
		return
	}
	if hosts := hostsOf(c.RedirectURIs); len(hosts) > 1 || len(hosts) == 1 && hosts[0] == "" {
		p.add("sector", "must be given: the redirect URIs do not share one host")
	}
}

func (c *Client) checkPolicy(p *problems) {
	switch c.IDTokenAlg {
	case "", "RS256", "ES256", "EdDSA":
	default:
		p.add("id_token_alg", "must be RS256, ES256 or EdDSA")
	}
	if c.MinACR != "" && !choice.KnownACR(c.MinACR) {
		p.add("min_acr", "must be one of %s", strings.Join(choice.ACRs(), ", "))
	}
	if c.Continuation && !choice.Satisfies(choice.ACRContinued, c.MinACR) {
		p.add("continuation", "is of no use: no login that is continued reaches min_acr %s", c.MinACR)
	}
	switch c.WriterGone {
	case "", WriterGoneNode, WriterGoneWait:
	default:
		p.add("writer_gone", "must be %s or %s", WriterGoneNode, WriterGoneWait)
	}
	if len(c.OptionalScopes) > maxScopes {
		p.add("optional_scopes", "at most %d may be listed", maxScopes)
	}
	for i, scope := range c.OptionalScopes {
		if !isScope(scope) || scope == "openid" || len(scope) > maxID {
			p.add(fmt.Sprintf("optional_scopes[%d]", i), "%q is no scope that people could leave out", scope)
		}
	}
	if c.Language != "" && !isLanguage(c.Language) {
		p.add("language", "must be a language tag such as %q", "ko")
	}
	if c.Providers != nil && len(c.Providers) == 0 {
		p.add("providers", "is empty: nobody could log in; leave it out to allow all")
	}
	if len(c.Providers) > maxWays {
		p.add("providers", "at most %d may be listed", maxWays)
		return
	}
	for i, id := range c.Providers {
		field := fmt.Sprintf("providers[%d]", i)
		if !isInstance(id) {
			p.add(field, "%q is not the id of a provider", id)
		} else if slices.Contains(c.Providers[:i], id) {
			p.add(field, "is listed twice")
		}
	}
}

func (c *Client) checkPages(p *problems, loopback bool) {
	for _, page := range []struct{ field, uri string }{
		{"uri", c.URI},
		{"initiate_login_uri", c.InitiateLoginURI},
		{"logo_uri", c.LogoURI},
		{"policy_uri", c.PolicyURI},
		{"terms_uri", c.TermsURI},
	} {
		if page.uri == "" {
			continue
		}
		u, reason := parseURI(page.uri)
		if reason == "" && u.Scheme != "https" && (!loopback || u.Scheme != "http" || !isLoopback(u.Hostname())) {
			reason = "must be an https URL"
		}
		if reason != "" {
			p.add(page.field, "%s", reason)
		}
	}
}

// redirectProblem says why uri cannot be registered for the client, or nothing.
func (c *Client) redirectProblem(uri string, loopback bool) string {
	u, reason := parseURI(uri)
	if reason != "" {
		return reason
	}
	switch {
	case u.Scheme == "https":
		return ""
	case u.Scheme == "http" && isLoopback(u.Hostname()):
		if c.Native || loopback {
			return ""
		}
		return "http on loopback is for native apps: use https"
	case u.Scheme == "http":
		return "must use https: on http everybody on the way reads the code"
	case !c.Native:
		return "must use https: other schemes are for native apps"
	case !strings.Contains(u.Scheme, "."):
		return "a private-use scheme must contain a dot, as in com.example.app:/callback (RFC 8252 7.1)"
	}
	return ""
}

// parseURI parses an absolute URI that cannot be read in two ways, or says what
// is wrong with it.
func parseURI(uri string) (u *url.URL, reason string) {
	if len(uri) > maxURI {
		return nil, fmt.Sprintf("must be at most %d bytes", maxURI)
	}
	switch {
	case uri == "":
		return nil, "is empty"
	case strings.ContainsFunc(uri, func(r rune) bool { return !uriCharacter(r) }):
		return nil, "contains a character that no URI may contain: percent-encode it"
	case strings.Contains(uri, "#"):
		return nil, "must not have a fragment"
	case strings.Contains(uri, "*"):
		return nil, "must not contain a wildcard: list every URI"
	}
	u, err := url.Parse(uri)
	switch {
	case err != nil:
		return nil, "is not a URI"
	case u.Scheme == "":
		return nil, "must be absolute, beginning with https://"
	case !strings.HasPrefix(uri, u.Scheme+":"):
		return nil, "must have its scheme in lower case"
	case u.Opaque != "":
		return nil, "must have a '/' after the scheme"
	case u.User != nil:
		return nil, "must not contain a user name or password"
	}
	if u.Scheme == "https" || u.Scheme == "http" || u.Host != "" {
		if reason := hostProblem(u); reason != "" {
			return nil, reason
		}
	}
	if slices.ContainsFunc(strings.Split(u.Path, "/"), func(s string) bool { return s == "." || s == ".." }) {
		return nil, "must not contain '.' or '..' as a path segment: browsers would rewrite it"
	}
	return u, ""
}

func hostProblem(u *url.URL) string {
	host := u.Hostname()
	switch {
	case host == "":
		return "must name a host"
	case strings.Contains(host, ":"): // an IPv6 literal, checked by url.Parse
		if strings.Contains(host, "%") {
			return "must not name a network zone"
		}
	case !isHost(strings.ToLower(host)):
		return "must name a valid host"
	}
	if port := u.Port(); strings.HasSuffix(u.Host, ":") || port != "" && !validPort(port) {
		return "must have a port from 1 to 65535 or none"
	}
	return ""
}
