package brokertest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/url"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/keys"
)

// Website is a registered client as its owner knows it.
type Website struct {
	ID          string
	Secret      string // empty: public
	RedirectURI string // the first of its registered ones
	NoPKCE      bool   // sends no challenge
}

// The websites that every node knows. Nobody serves them: a browser that is
// sent there shows an empty page.
var (
	RP1 = Website{ID: "RP-1", Secret: "rp1-secret-of-more-than-thirty-two", RedirectURI: "https://rp1.example/cb"}
	RP2 = Website{ID: "RP-2", Secret: "rp2-secret-of-more-than-thirty-two", RedirectURI: "https://rp2.example/cb"}
	// RP3 is an installed app: public, on loopback.
	RP3 = Website{ID: "RP-3", RedirectURI: "http://127.0.0.1/cb"}
	// Optional may leave PKCE out, and does.
	Optional = Website{ID: "RP-optional", Secret: "optional-secret-of-more-than-32", RedirectURI: "https://optional.example/cb", NoPKCE: true}
	// ES256 and EdDSA take ID tokens signed by that algorithm.
	ES256 = Website{ID: "RP-es256", Secret: "es256-secret-of-more-than-thirty-two", RedirectURI: "https://es256.example/cb"}
	EdDSA = Website{ID: "RP-eddsa", Secret: "eddsa-secret-of-more-than-thirty-two", RedirectURI: "https://eddsa.example/cb"}
	// Pairwise gets subjects of its own.
	Pairwise = Website{ID: "RP-pairwise", Secret: "pairwise-secret-of-more-than-32", RedirectURI: "https://pairwise.example/cb"}
	// Third is somebody else's.
	Third = Website{ID: "RP-third", Secret: "third-secret-of-more-than-thirty-two", RedirectURI: "https://third.example/cb"}
)

// RP1Other is the second registered redirect URI of [RP1].
const RP1Other = "https://rp1.example/cb2"

// clients are the registrations of the websites.
func clients() []*client.Client {
	known := make([]*client.Client, 0, 8)
	add := func(w Website, change func(*client.Client)) {
		c := &client.Client{
			ID: w.ID, Name: w.ID, FirstParty: true, RedirectURIs: []string{w.RedirectURI}, Public: w.Secret == "",
		}
		if !c.Public {
			c.SecretHashes = [][32]byte{client.HashSecret(w.Secret)}
		}
		change(c)
		known = append(known, c)
	}
	add(RP1, func(c *client.Client) {
		c.RedirectURIs = append(c.RedirectURIs, RP1Other)
		c.PostLogoutRedirectURIs = []string{"https://rp1.example/out"}
		c.URI = "https://rp1.example/"
		c.GrantTypes = []string{client.GrantAuthorizationCode, client.GrantClientCredentials, client.GrantRefreshToken}
	})
	add(RP2, func(c *client.Client) {
		c.PostLogoutRedirectURIs = []string{"https://rp2.example/out"}
		c.GrantTypes = []string{client.GrantAuthorizationCode, client.GrantRefreshToken}
	})
	add(RP3, func(c *client.Client) {
		c.Native = true
		c.GrantTypes = []string{client.GrantAuthorizationCode, client.GrantRefreshToken}
	})
	add(Optional, func(c *client.Client) { c.PKCEOptional = true })
	add(ES256, func(c *client.Client) { c.IDTokenAlg = keys.ES256 })
	add(EdDSA, func(c *client.Client) { c.IDTokenAlg = keys.EdDSA })
	add(Pairwise, func(c *client.Client) { c.Subject = client.SubjectPairwise })
	add(Third, func(c *client.Client) { c.FirstParty = false })
	return known
}

// Request is an authorization request about to be sent, with everything right.
type Request struct {
	url.Values

	Website  Website
	Verifier string // of the challenge in it; empty without one
}

// Request returns a new request of the website: fresh state, nonce and
// challenge, all scopes.
func (w Website) Request(changes ...func(url.Values)) Request {
	r := Request{Website: w, Values: url.Values{
		"client_id": {w.ID}, "redirect_uri": {w.RedirectURI}, "response_type": {"code"},
		"scope": {"openid profile email phone"}, "state": {"state-" + rand.Text()}, "nonce": {"nonce-" + rand.Text()},
	}}
	if !w.NoPKCE {
		r.Verifier = rand.Text() + rand.Text()
		r.Set("code_challenge", Challenge(r.Verifier))
		r.Set("code_challenge_method", "S256")
	}
	for _, change := range changes {
		change(r.Values)
	}
	return r
}

// Challenge is the S256 challenge of a verifier (RFC 7636 4.2).
func Challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
