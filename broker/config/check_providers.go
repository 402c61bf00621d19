package config

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/catalog"
)

// maxProviders keeps the menu usable and the health record within its bound.
const maxProviders = 24

// kindOf says what must and what may be written of a kind of provider; the
// catalog knows the rest.
type kindOf struct {
	signs     bool     // signs its client secret with a private key
	issuer    bool     // its issuer must be given
	own       bool     // somebody's own: it shares its fate with no other of its kind
	endpoints []string // those that must be given
	takes     []string // of the keys in someKinds
}

var kinds = map[string]kindOf{
	"apple":  {signs: true, takes: []string{"audiences"}},
	"google": {takes: []string{"audiences"}},
	"kakao":  {takes: []string{"audiences"}},

	"naver-openid": {takes: []string{"audiences"}},
	"line":         {takes: []string{"audiences", "algorithms"}},
	"entra":        {takes: []string{"audiences"}},
	"discord":      {takes: []string{"audiences"}},
	"telegram":     {takes: []string{"audiences", "algorithms"}},
	"facebook":     {takes: []string{"api_version", "api_version_ends"}},

	"openid": {issuer: true, own: true, takes: []string{"audiences", "algorithms", "auth_method", "pkce", "claims"}},
	"oauth2": {
		own: true, endpoints: []string{"authorize", "token", "userinfo"},
		takes: []string{"auth_method", "pkce", "claims", "token_info", "app_id"},
	},
}

// someKinds are the keys that only some kinds take, and whether p has them.
var someKinds = []struct {
	key string
	set func(p *fileProvider) bool
}{
	{"audiences", func(p *fileProvider) bool { return len(p.Audiences) > 0 }},
	{"algorithms", func(p *fileProvider) bool { return len(p.Algorithms) > 0 }},
	{"auth_method", func(p *fileProvider) bool { return p.AuthMethod != "" }},
	{"pkce", func(p *fileProvider) bool { return p.PKCE != "" }},
	{"claims", func(p *fileProvider) bool { return len(p.Claims) > 0 }},
	{"token_info", func(p *fileProvider) bool { return p.TokenInfo != "" }},
	{"app_id", func(p *fileProvider) bool { return p.AppID != "" }},
	{"api_version", func(p *fileProvider) bool { return p.APIVersion != "" }},
	{"api_version_ends", func(p *fileProvider) bool { return p.APIVersionEnds != "" }},
}

var (
	// applePattern is how Apple writes team and key ids.
	applePattern = regexp.MustCompile(`^[A-Z0-9]{10}$`)
	// clientPattern is what a client may be called.
	clientPattern = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,64}$`)
	// scopePattern is scope-token of RFC 6749, appendix A.4.
	scopePattern = regexp.MustCompile(`^[\x21\x23-\x5B\x5D-\x7E]{1,256}$`)
)

// reserved ids are ways of our own, or words in paths beside those of ways.
var reserved = []string{"passkey", "site", "code", "recovery"}

func (c *checker) providers() {
	if len(c.file.Providers) == 0 && !c.bad["providers"] {
		c.add("providers", "providers is empty: people need at least one way to log in")
	}
	if len(c.file.Providers) > maxProviders {
		c.add("providers", "providers lists %d: at most %d fit on a menu", len(c.file.Providers), maxProviders)
	}
	ids, instances := make(map[string]int), make(map[[3]string]int)
	for i := range c.file.Providers {
		path, p := index("providers", i), &c.file.Providers[i]
		if c.bad[path] {
			continue
		}
		if first, ok := ids[p.ID]; ok && p.ID != "" {
			c.add(path+".id", "%s.id %s is already that of providers[%d]", path, readable(p.ID), first)
		}
		instance := [3]string{p.Kind, cmp.Or(p.Issuer, p.Endpoints["authorize"]), p.ClientID}
		if first, ok := instances[instance]; ok && p.ClientID != "" {
			c.add(path+".client_id", "%s.client_id is already that of providers[%d]: one provider per issuer and client id", path, first)
		}
		ids[p.ID], instances[instance] = i, i
		c.provider(path, p)
	}
}

// provider checks one upstream and adds it to the configuration.
func (c *checker) provider(path string, p *fileProvider) {
	before := len(c.problems)
	kind, known := kinds[p.Kind], slices.Contains(catalog.Kinds(), p.Kind)
	switch {
	case p.Kind == "":
		c.add(path+".kind", "%s.kind is required: one of %s", path, kindNames())
	case !known:
		c.add(path+".kind", "%s.kind %s must be one of %s%s", path, readable(p.Kind), kindNames(), meant(p.Kind, catalog.Kinds()))
	}
	switch {
	case p.ID == "":
		c.add(path+".id", "%s.id is required: it stands in the callback path and never changes", path)
	case !namePattern.MatchString(p.ID):
		c.add(path+".id", "%s.id %s must be at most 32 lower-case letters, digits and hyphens", path, readable(p.ID))
	case slices.Contains(reserved, p.ID):
		c.add(path+".id", "%s.id %s is reserved", path, readable(p.ID))
	}
	if p.ClientID == "" {
		c.add(path+".client_id", "%s.client_id is required: the provider's developer console shows it", path)
	}
	if len(p.ClientID) > maxProviderClientID || strings.ContainsFunc(p.ClientID, isControl) {
		c.add(path+".client_id", "%s.client_id must be one line of at most %d bytes", path, maxProviderClientID)
	}
	if p.Timeout == 0 {
		p.Timeout = defaultTimeout
	}
	c.between(path+".timeout", p.Timeout)
	if p.Reauth != "" {
		c.oneOf(path+".reauth", p.Reauth)
	}
	for i, scope := range p.Scopes {
		if !scopePattern.MatchString(scope) {
			c.add(index(path+".scopes", i), "%s.scopes: %s is no scope", path, readable(scope))
		}
	}
	if strings.ContainsFunc(p.Name, isControl) || len([]rune(p.Name)) > 40 {
		c.add(path+".name", "%s.name must be one line of at most 40 characters", path)
	}
	c.upstreamURLs(path, p, kind)
	c.resilience(path, p, kind)
	c.onlyFor(path, p)
	if known {
		c.some(path, p, kind)
	}
	built := Provider{
		ID: p.ID, Kind: p.Kind, Name: p.Name, ClientID: p.ClientID, Issuer: p.Issuer,
		Endpoints: p.Endpoints, Scopes: p.Scopes, Timeout: p.Timeout, Reauth: p.Reauth,
		OnlyFor: p.OnlyFor, Domains: p.Domains, Ceiling: p.Ceiling, Probes: p.Probes,
		Audiences: p.Audiences, Algorithms: p.Algorithms, AuthMethod: p.AuthMethod, NoPKCE: p.PKCE == pkceNone,
		Claims: p.Claims, TokenInfo: p.TokenInfo, AppID: p.AppID, APIVersion: p.APIVersion,
	}
	built.APIVersionEnds = c.date(path+".api_version_ends", p.APIVersionEnds)
	if known {
		c.credentials(path, p, kind, &built)
	}
	if len(c.problems) == before {
		c.construct(path, &built)
	}
	c.config.Providers = append(c.config.Providers, built)
}

const (
	maxDomains = 8
	maxOnlyFor = 100

	maxProviderClientID = 255     // bytes
	maxCeiling          = 100_000 // logins per second: more than any node begins
)

// resilience checks what is known of how the provider fails and of what it
// bears, and fills in its domain: of a provider of somebody's own the id, of all
// others the kind.
func (c *checker) resilience(path string, p *fileProvider, kind kindOf) {
	if len(p.Domains) == 0 && !c.bad[path+".domains"] {
		p.Domains = []string{p.Kind}
		if kind.own {
			p.Domains = []string{p.ID}
		}
	}
	if len(p.Domains) > maxDomains {
		c.add(path+".domains", "%s.domains lists %d: at most %d", path, len(p.Domains), maxDomains)
	}
	for i, domain := range p.Domains {
		switch at := index(path+".domains", i); {
		case c.bad[at] || c.at[at] == nil: // not text, or filled in above
		case !namePattern.MatchString(domain):
			c.add(at, "%s.domains: %s must be at most 32 lower-case letters, digits and hyphens", path, readable(domain))
		case slices.Contains(p.Domains[:i], domain):
			c.add(at, "%s.domains lists %s twice", path, readable(domain))
		}
	}
	if p.Ceiling < 0 || p.Ceiling > maxCeiling {
		c.add(path+".ceiling", "%s.ceiling must be from 0, which is none, to %d logins per second", path, maxCeiling)
	}
	levels := []string{string(providers.LevelReach), string(providers.LevelMetadata), string(providers.LevelAuthorize), string(providers.LevelToken)}
	for i, level := range p.Probes {
		switch at := index(path+".probes", i); {
		case c.bad[at]:
		case !slices.Contains(levels, level):
			c.add(at, "%s.probes: %s must be one of %s%s", path, readable(level), strings.Join(levels, ", "), meant(level, levels))
		case slices.Contains(p.Probes[:i], level):
			c.add(at, "%s.probes lists %s twice", path, readable(level))
		}
	}
}

// onlyFor checks which clients a provider belongs to. A client may stand in the
// store as well, so that one that the file does not know is no mistake; one that
// lists the provider and may not use it is.
func (c *checker) onlyFor(path string, p *fileProvider) {
	if p.OnlyFor != nil && len(p.OnlyFor) == 0 {
		c.add(path+".only_for", "%s.only_for is empty: nobody could use it; leave it out for all clients", path)
	}
	if len(p.OnlyFor) > maxOnlyFor {
		c.add(path+".only_for", "%s.only_for lists %d: at most %d", path, len(p.OnlyFor), maxOnlyFor)
	}
	for i, id := range p.OnlyFor {
		switch at := index(path+".only_for", i); {
		case c.bad[at]:
		case !clientPattern.MatchString(id):
			c.add(at, "%s.only_for: %s must be the id of a client", path, readable(id))
		case slices.Contains(p.OnlyFor[:i], id):
			c.add(at, "%s.only_for lists %s twice", path, readable(id))
		}
	}
	if len(p.OnlyFor) == 0 {
		return
	}
	for i, w := range c.file.Clients {
		for j, way := range w.Providers {
			if way == p.ID && !slices.Contains(p.OnlyFor, w.ID) {
				c.add(index(index("clients", i)+".providers", j), "clients[%d].providers: %s is only for %s", i, readable(way), strings.Join(p.OnlyFor, ", "))
			}
		}
	}
}

// construct builds the provider once, as serve will, so that what its kind asks
// beyond our checks is found now. It makes no request.
func (c *checker) construct(path string, p *Provider) {
	o := p.Catalog()
	o.Fetch = c.fetch
	built, err := catalog.New(o)
	if err != nil {
		c.add(path, "%s: %s", path, strings.ReplaceAll(err.Error(), "\n", "; "))
		return
	}
	p.Name, p.Upstream = built.Instance().Name, built.Instance().Issuer
	for i, other := range c.config.Providers {
		if other.Upstream == p.Upstream && other.ClientID == p.ClientID && (other.Kind != p.Kind || other.Issuer != p.Issuer) {
			c.add(path+".client_id", "%s.client_id is already that of providers[%d], at the same issuer: one provider per issuer and client id", path, i)
		}
	}
}

// upstreamURLs checks that nothing we shall ask lies inside our own network.
func (c *checker) upstreamURLs(path string, p *fileProvider, kind kindOf) {
	if p.Issuer == "" && kind.issuer {
		c.add(path+".issuer", "%s.issuer is required for the kind %s", path, p.Kind)
	}
	if p.Issuer != "" {
		c.outboundURL(path+".issuer", p.Issuer)
	}
	for _, name := range kind.endpoints {
		if p.Endpoints[name] == "" && !c.bad[path+".endpoints"] {
			c.add(path+".endpoints", "%s.endpoints.%s is required for the kind %s", path, name, p.Kind)
		}
	}
	names := catalog.Endpoints()
	for _, name := range slices.Sorted(maps.Keys(p.Endpoints)) {
		at := path + ".endpoints." + name
		if !slices.Contains(names, name) {
			c.add(at, "%s.endpoints has no %s%s", path, readable(name), meant(name, names))
			continue
		}
		c.outboundURL(at, p.Endpoints[name])
	}
}

// outboundURL checks one URL that we shall ask.
func (c *checker) outboundURL(path, raw string) {
	if err := c.fetch.CheckURL(raw); err != nil {
		c.add(path, "%s: %s", path, strings.TrimPrefix(err.Error(), "fetch: "))
	}
}

// credentials reads what we prove ourselves with to the provider.
func (c *checker) credentials(path string, p *fileProvider, kind kindOf, built *Provider) {
	secret, hasSecret := c.secret(path+".client_secret", p.ClientSecret, p.ClientSecretFile, p.ClientSecretCommand)
	private, hasPrivate := c.secret(path+".private_key", p.PrivateKey, p.PrivateKeyFile, p.PrivateKeyCommand)
	if !kind.signs {
		switch {
		case !hasSecret:
			c.add(path, "%s.client_secret is required: put it in a file and name that in client_secret_file", path)
		case strings.ContainsFunc(secret, isControl):
			c.add(c.source(path+".client_secret"), "%s.client_secret must be one line", path)
		}
		if hasPrivate || p.TeamID != "" || p.KeyID != "" {
			c.add(path, "%s: team_id, key_id and private_key are for the kind apple", path)
		}
		built.ClientSecret = secret
		return
	}
	if hasSecret {
		c.add(c.source(path+".client_secret"), "%s.client_secret: the kind %s signs its secret with private_key", path, p.Kind)
	}
	for _, id := range []struct{ key, value string }{{"team_id", p.TeamID}, {"key_id", p.KeyID}} {
		if !applePattern.MatchString(id.value) {
			c.add(path+"."+id.key, "%s.%s must be the 10 letters and digits that Apple shows", path, id.key)
		}
	}
	if !hasPrivate {
		c.add(path, "%s.private_key is required: name the .p8 file from Apple in private_key_file", path)
	}
	if private != "" && !isP256(private) {
		c.add(c.source(path+".private_key"), "%s.private_key must be a P-256 key in PKCS#8 PEM, as Apple's .p8 file is", path)
	}
	built.TeamID, built.KeyID, built.PrivateKey = p.TeamID, p.KeyID, []byte(private)
}

// isP256 tells whether text is the private key that Apple hands out.
func isP256(text string) bool {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "PRIVATE KEY" {
		return false
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return false
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	return ok && ec.Curve == elliptic.P256()
}

func kindNames() string {
	return strings.Join(catalog.Kinds(), ", ")
}

func isControl(r rune) bool {
	return r < 0x20 || r == 0x7f
}
