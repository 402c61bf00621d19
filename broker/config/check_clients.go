package config

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/keys"
)

const (
	// minSecret is the fewest characters of a client secret. Secrets are kept as
	// a plain SHA-256, which is enough for long random values alone.
	minSecret = 32
	// maxSecrets lets an old and a new secret live side by side while a website changes over.
	maxSecrets = 2
)

func (c *checker) clients() {
	ids, tags := make(map[string]int), make(map[string]string)
	for i := range c.file.Clients {
		path, written := index("clients", i), &c.file.Clients[i]
		if c.bad[path] {
			continue
		}
		if first, ok := ids[written.ID]; ok && written.ID != "" {
			c.add(path+".id", "%s.id %s is already that of clients[%d]", path, readable(written.ID), first)
		}
		tag := client.TagOf(written.ID)
		if other, ok := tags[tag]; ok && other != written.ID {
			c.add(path+".id", "%s.id %s cannot be told from %s in upstream state: rename one of them", path, readable(written.ID), readable(other))
		}
		ids[written.ID], tags[tag] = i, written.ID
		c.client(path, written)
	}
}

// client checks one website and adds it to the configuration.
func (c *checker) client(path string, w *fileClient) {
	built := c.registered(path, w)
	c.written(path, *w)
	c.clientSecrets(path, w, built)
	c.config.Clients = append(c.config.Clients, built)
	c.validate(path, built.Validate(), keysOf)
}

// written keeps an entry for those who ask what stands in the file.
func (c *checker) written(path string, w fileClient) {
	w.Secret, w.SecretFile, w.SecretCommand, w.SecretHashes = "", "", nil, nil
	document, err := json.Marshal(said(w))
	if err != nil {
		return // text, lists and truth values can all be encoded
	}
	if c.config.written == nil {
		c.config.written = make(map[string]entry)
	}
	c.config.written[w.ID] = entry{document: document, where: c.name + ":" + strconv.Itoa(c.document.node(path).Line)}
}

// registered builds what an entry says, all but its secrets, and checks it
// against the rest of the configuration.
func (c *checker) registered(path string, w *fileClient) *client.Client {
	built := &client.Client{
		ID: w.ID, Name: w.Name, Names: w.Names,
		Public: w.Public, Native: w.Native, FirstParty: w.FirstParty, PKCEOptional: w.PKCE == "optional",
		AuthMethod: w.AuthMethod, RedirectURIs: w.RedirectURIs, PostLogoutRedirectURIs: w.PostLogoutRedirectURIs,
		GrantTypes: w.GrantTypes, Subject: w.Subject, Sector: w.SectorIdentifier,
		IDTokenAlg: keys.Algorithm(w.IDTokenAlg), MinACR: w.MinACR, Providers: w.Providers, Language: w.Language,
		OptionalScopes: w.OptionalScopes, URI: w.ClientURI, InitiateLoginURI: w.InitiateLoginURI, LogoURI: w.LogoURI, PolicyURI: w.PolicyURI, TermsURI: w.TermsURI,
		BackchannelLogoutURI: w.BackchannelLogoutURI, BackchannelLogoutSessionRequired: w.BackchannelSID,
		JWKSURI: w.JWKSURI, AssertionAudience: w.AssertionAudience,
		StaleAllowed: w.Stale == staleAllow, WriterGone: w.WriterGone, Continuation: w.Continuation,
	}
	if w.Stale != "" {
		c.oneOf(path+".stale", w.Stale)
	}
	if w.WriterGone != "" {
		c.oneOf(path+".writer_gone", w.WriterGone)
	}
	if w.PKCE != "" {
		c.oneOf(path+".pkce", w.PKCE)
	}
	for i, id := range w.Providers {
		if !slices.ContainsFunc(c.file.Providers, func(p fileProvider) bool { return p.ID == id }) {
			c.add(index(path+".providers", i), "%s.providers: there is no provider with the id %s%s", path, readable(id), meant(id, c.providerIDs()))
		}
	}
	if strings.HasPrefix(w.LogoURI, "https://") {
		c.outboundURL(path+".logo_uri", w.LogoURI) // pages show it from our own origin, so it is we who ask for it
	}
	c.called(path, w, built)
	return built
}

// called checks the addresses of the website that this program calls, and reads
// the keys that stand in a file.
func (c *checker) called(path string, w *fileClient, built *client.Client) {
	if strings.HasPrefix(w.JWKSURI, "https://") {
		c.outboundURL(path+".jwks_uri", w.JWKSURI)
	}
	if strings.HasPrefix(w.BackchannelLogoutURI, "https://") {
		c.outboundURL(path+".backchannel_logout_uri", w.BackchannelLogoutURI)
	}
	built.JWKS = w.JWKS
	if w.JWKSFile == "" {
		return
	}
	if w.JWKS != "" {
		c.add(path+".jwks", "%s.jwks has more than one source: set it or %[1]s.jwks_file", path)
		return
	}
	text, err := c.read(w.JWKSFile, false)
	if err != nil {
		c.add(path+".jwks_file", "%s.jwks_file: %v", path, err)
		return
	}
	built.JWKS = text
}

// clientSecrets hashes what the file says the website proves itself with.
func (c *checker) clientSecrets(path string, w *fileClient, built *client.Client) {
	secret, set := c.secret(path+".secret", w.Secret, w.SecretFile, w.SecretCommand)
	if secret != "" {
		if len(secret) < minSecret || strings.ContainsFunc(secret, isControl) {
			c.add(c.source(path+".secret"), "%s.secret must be one line of at least %d random characters", path, minSecret)
		}
		if client.Mistyped(secret) {
			c.add(c.source(path+".secret"), "%s.secret is cut off or mistyped: its checksum is wrong", path)
		}
		built.SecretHashes = append(built.SecretHashes, client.HashSecret(secret))
	}
	for i, text := range w.SecretHashes {
		hash, err := client.ParseHash(text)
		if err != nil {
			c.add(index(path+".secret_hashes", i), "%s.secret_hashes: each must be the SHA-256 of a secret, as sha256: and 64 hexadecimal digits", path)
			continue
		}
		built.SecretHashes = append(built.SecretHashes, hash)
	}
	hasSecret := set || len(w.SecretHashes) > 0
	if w.AuthMethod == client.AuthPrivateKeyJWT && !w.Public {
		if hasSecret {
			c.add(path+".auth_method", "%s.auth_method is %s: the website signs with a key of its own, so it has no secret", path, w.AuthMethod)
		}
		return
	}
	switch {
	case len(built.SecretHashes) > maxSecrets:
		c.add(path+".secret_hashes", "%s has %d secrets: at most %d may live at a time", path, len(built.SecretHashes), maxSecrets)
	case w.Public && hasSecret:
		c.add(path+".public", "%s is public: it cannot keep a secret, so it has none", path)
	case !w.Public && !hasSecret && !c.bad[path+".public"]:
		c.add(path, "%s needs a secret: set secret_file, or public: true if it is an app that cannot keep one", path)
	}
}

func (c *checker) providerIDs() []string {
	var ids []string
	for _, p := range c.file.Providers {
		ids = append(ids, p.ID)
	}
	return ids
}

// algorithms lists what the signing ring must hold: RS256 for ID tokens, ES256
// for access tokens, and what clients and resources ask for.
func (c *checker) algorithms() {
	used := []keys.Algorithm{keys.RS256, keys.ES256}
	for _, known := range c.config.Clients {
		if known.IDTokenAlg != "" && !slices.Contains(used, known.IDTokenAlg) {
			used = append(used, known.IDTokenAlg)
		}
	}
	for _, r := range c.config.Resources {
		if r.SigningAlg != "" && !slices.Contains(used, r.SigningAlg) {
			used = append(used, r.SigningAlg)
		}
	}
	slices.Sort(used[2:])
	c.config.Keys.Algorithms = used
}

// keysOf is how the file calls the fields of a client that have another name
// there. Secrets are counted by clientSecrets, which knows their sources.
var keysOf = map[string]string{
	"uri":          "client_uri",
	"sector":       "sector_identifier",
	"id_token_alg": "id_token_signed_response_alg",
	"secrets":      "",
	"writer_gone":  "", // a word of two, which oneOf knows
}

// validate reports what the client or resource itself finds wrong.
func (c *checker) validate(path string, err error, names map[string]string) {
	if err == nil {
		return
	}
	problems := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		problems = joined.Unwrap()
	}
	for _, problem := range problems {
		p, ok := errors.AsType[*client.Problem](problem)
		if !ok {
			c.add(path, "%s: %v", path, problem)
			continue
		}
		if p.Field == "secrets" && path == clientPath {
			c.add(path, "client.secrets: %s", p.Reason)
			continue
		}
		field, renamed := names[p.Field]
		if !renamed {
			field = p.Field
		}
		if field != "" {
			c.add(join(path, field), "%s.%s %s", path, field, p.Reason)
		}
	}
}
