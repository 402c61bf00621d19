package config

import (
	"crypto/ed25519"
	"net/netip"
	"net/url"
	"time"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/limit"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/wrap"
	"github.com/bongsu/bongsu/providers/catalog"
)

// Config is the whole configuration of a node, read, checked and with every
// secret loaded. It is immutable; a reload makes a new one.
type Config struct {
	Issuer *url.URL // https, or http on loopback; scheme, host and port alone
	Site   string   // this site's name: lower-case letters, digits and hyphens, at most 32
	Node   string   // this process: stable, unique in its site; as a site's name, dots allowed, at most 64
	Sites  []Site   // all sites, own included, in the order of the file; empty: this one alone

	// MarkDomain is the domain above all hosts of this deployment that a browser is
	// known in by all sites; empty: each host knows it for itself.
	MarkDomain string
	// RPID is what passkeys will belong to: a domain that all hosts of this
	// deployment are, or stand below; empty: not decided.
	RPID string

	Listen         string         // host:port of the public listener
	Admin          string         // host:port of the admin listener; empty: none
	TLS            *TLS           // nil: plain http, on loopback or behind TrustedProxies
	TrustedProxies []netip.Prefix // whose X-Forwarded-For and -Proto are believed

	Store   Store
	DataDir string // negative log and claim log; created with mode 0700

	SiteKey    *wrap.Key // wraps this site's signing keys
	ClusterKey *wrap.Key // wraps sealing ring and secrets shared by all sites

	Keys      Keys
	Sessions  Sessions
	Contact   Contact
	Drain     Drain
	Snapshot  Snapshot
	Providers []Provider // in menu order
	Clients   []*client.Client
	Resources []*client.Resource // APIs that take our access tokens
	Outbound  Outbound
	Gossip    *Gossip    // nil: this node speaks with no other
	Peers     *Peers     // nil: this node asks no other anything; never without Gossip
	Operators []Operator // who may give orders on the admin listener; empty: nobody
	Health    Health
	Languages Languages
	Limits    Limits
	Log       Log

	written map[string]entry // of Clients, by id
	warned  Problems
}

// Warnings are what works and is likely not meant, in the order of the file. Each
// message begins with "warning: ".
func (c *Config) Warnings() Problems { return c.warned }

// Site is one place of this deployment, and what it is known by to the others.
type Site struct {
	Name string
	// Origin is where people reach this site and no other: as an issuer is written.
	// Nil: nowhere. All sites have one, or none has.
	Origin *url.URL
	// Identities are what the site's news and manifests are verified with: one,
	// two while the site changes its own. Only a site alone may have none.
	Identities []ed25519.PublicKey
}

// Identities are the identities of the sites that are listed with any, by name.
func (c *Config) Identities() map[string][]ed25519.PublicKey {
	known := make(map[string][]ed25519.PublicKey, len(c.Sites))
	for _, site := range c.Sites {
		if len(site.Identities) > 0 {
			known[site.Name] = site.Identities
		}
	}
	return known
}

// Gossip says how the nodes of all sites tell each other news.
type Gossip struct {
	Listen    string         // host:port, UDP and TCP; the host is an address
	Advertise string         // host:port that the others reach this node at; empty: the address listened on
	Label     string         // of this deployment: packets with another one are dropped
	Seeds     []string       // host:port, or srv:_service._proto.domain; asked again and again
	Allow     []netip.Prefix // where the others may be; empty: loopback and private addresses
	Keys      [][]byte       // AES-256, the first encrypts, all decrypt; at least one
}

// Peers says how the nodes of all sites ask each other things, where gossip only
// tells.
type Peers struct {
	Listen    string // host:port, TCP; the host is an address
	Advertise string // host:port that the others ask this node at; empty: the address listened on, or gossip's where that is every one
}

// Operator is somebody who may give orders on the admin listener.
type Operator struct {
	Name         string     // in the audit log; unique
	SecretHashes [][32]byte // SHA-256 of the bearer credential; two while it changes
}

// Health says how this site finds out about the providers.
type Health struct {
	Canaries []string // https URLs of others, asked to tell "we are cut off" from "they are down"
	Probes   bool     // providers are asked without a person, too
}

// entry is a client's entry as it stands in the file.
type entry struct {
	document []byte
	where    string
}

// Written returns a client's entry as it stands in the file, in JSON as
// [ReadRegistration] writes it, and the file and line it stands in. Both are
// empty where there is none.
func (c *Config) Written(id string) (document []byte, where string) {
	written := c.written[id]
	return written.document, written.where
}

// TLS is where the certificate of the public listener lies. Both files are
// read again when they change.
type TLS struct {
	CertFile string
	KeyFile  string
}

// Store chooses the database.
type Store struct {
	Driver string // "sqlite" or "postgres"
	Path   string // sqlite: file
	Writer string // postgres: DSN, all hosts, read-write
	Reader string // postgres: DSN of this site's replica; empty reads from the writer
	// Manual leaves the schema to bongsu migrate; else a node adds what is missing.
	Manual bool
}

// Keys is the policy of the signing ring.
type Keys struct {
	ActiveFor     time.Duration
	PublishWindow time.Duration
	RetireFor     time.Duration
	Algorithms    []keys.Algorithm // in use: RS256 and ES256, and what clients and resources ask for
}

// Sessions bounds how long a browser stays logged in at the broker.
type Sessions struct {
	Idle     time.Duration
	Lifetime time.Duration
	// OutageCeiling is how much longer than Idle and Lifetime a session may live
	// while an operator has declared the outage of its provider; 0: no longer.
	OutageCeiling time.Duration
}

// Snapshot is what a node keeps of the store to start without it.
type Snapshot struct {
	MaxAge time.Duration // what is older is refused
}

// DefaultStaleAfter is [Contact].StaleAfter where nobody says.
const DefaultStaleAfter = time.Minute

// Contact is how a node goes on without the others.
type Contact struct {
	// StaleAfter is S: for how long a site that has lost the database's writer and
	// most other sites lets people log in by what its own replica knows, counted
	// from when that was last seen to change; 0 is [DefaultStaleAfter].
	StaleAfter time.Duration
}

// Drain is how a node stops.
type Drain struct {
	// Wait is how long it goes on serving when it was told to stop, while /readyz
	// says so to who sends people here.
	Wait time.Duration
	// Finish bounds how long requests under way may take after that; 0: 10 s.
	Finish time.Duration
}

// Provider is one configured upstream.
type Provider struct {
	ID           string
	Kind         string
	Name         string
	ClientID     string
	ClientSecret string
	Issuer       string            // kind openid: required; others: only to point at a simulation
	Upstream     string            // the instance's issuer as its kind knows it, or its authorization endpoint where it has none
	Endpoints    map[string]string // authorize, token, userinfo, jwks, tokeninfo: kind oauth2: required; others: overrides, as Issuer
	Scopes       []string
	Timeout      time.Duration
	Reauth       string
	OnlyFor      []string // the clients that alone may use it, by id; nil: all
	Domains      []string // what it shares its fate with: a second way counts only if it shares none; never empty
	Ceiling      float64  // logins begun per second at this node; 0: no ceiling
	Probes       []string // levels at which it may be asked: reach, metadata, authorize, token; nil: all that make sense

	// What only some kinds take; see [catalog.Options].
	Audiences  []string
	Algorithms []string
	AuthMethod string
	NoPKCE     bool
	Claims     map[string]string
	TokenInfo  string
	AppID      string

	APIVersion     string
	APIVersionEnds time.Time // zero where it is not known

	// Apple signs its client secret.
	TeamID     string
	KeyID      string
	PrivateKey []byte // PKCS#8 PEM, ES256
}

// Catalog returns what the catalog builds the provider from, without what a
// running node adds: client, clock, logger, callback, pins.
func (p Provider) Catalog() catalog.Options {
	return catalog.Options{
		ID: p.ID, Kind: p.Kind, Name: p.Name, ClientID: p.ClientID, ClientSecret: p.ClientSecret,
		Issuer: p.Issuer, Endpoints: p.Endpoints, Scopes: p.Scopes, Timeout: p.Timeout, Reauth: p.Reauth,
		Audiences: p.Audiences, Algorithms: p.Algorithms, AuthMethod: p.AuthMethod, NoPKCE: p.NoPKCE,
		Claims: p.Claims, TokenInfo: p.TokenInfo, AppID: p.AppID,
		APIVersion: p.APIVersion, APIVersionEnds: p.APIVersionEnds,
		TeamID: p.TeamID, KeyID: p.KeyID, PrivateKey: p.PrivateKey,
	}
}

// Outbound bounds where the program may connect to.
type Outbound struct {
	Allow     []netip.Prefix // private addresses that are opened
	AllowHTTP bool           // plain http to loopback; dev and tests
}

// Languages is what pages speak when nobody says, and what the language decides.
type Languages struct {
	// OrderWays puts the ways to log in into the order usual in the person's
	// language, for clients that name none; else they stand as configured.
	OrderWays bool
	Default   string // "ko", "en" or "ja"
}

// Limits is how often this node may be asked. The zero value limits nothing; so
// does a rate of zero.
type Limits struct {
	Starts         limit.Rate // logins begun by one address
	StartsOfClient limit.Rate // logins begun for one client
	Failures       limit.Rate // client authentications that failed, from one address
	Guesses        limit.Rate // the same, for one client
	Tokens         limit.Rate // token requests of clients without a secret, from one address
	TokensOfClient limit.Rate // token requests of one client that has proved itself
	Exempt         []netip.Prefix
	Entries        int // keys remembered for each limit, each of [limit.EntryBytes] at most
}

// Log says how much is logged.
type Log struct {
	Level string // debug, info, warn, error
}
