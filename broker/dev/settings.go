package dev

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"time"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/wrap"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

// The clients that everybody may use. What stands here is in every README.
const (
	clientDemo   = "demo"              // confidential, the operator's own, PKCE optional
	secretDemo   = "demo-secret"       //nolint:gosec // known to everybody, for loopback alone
	clientSPA    = "demo-spa"          // public
	clientThird  = "demo-third"        // confidential, somebody else's: asks consent
	secretThird  = "demo-third-secret" //nolint:gosec // known to everybody, for loopback alone
	patience     = 4 * time.Second     // of a provider's answer
	siteName     = "dev"
	nodeName     = "dev-1"
	databaseFile = "bongsu.db"
)

// places is where everything stands.
type places struct {
	issuer      *url.URL
	demo        string // http://localhost:N+1
	switchboard string // http://localhost:N+2
	upstreams   string // http://127.0.0.1:N+2
}

// settings is the configuration that dev mode has instead of a file.
func settings(at places, dir string, upstreams *fakeidp.Server) (*config.Config, error) {
	cfg := &config.Config{
		Issuer: at.issuer, Site: siteName, Node: nodeName, Listen: at.issuer.Host,
		Store: config.Store{Driver: "sqlite", Path: filepath.Join(dir, databaseFile)},
		Keys: config.Keys{
			ActiveFor: 90 * 24 * time.Hour, PublishWindow: 48 * time.Hour, RetireFor: 7 * 24 * time.Hour,
			Algorithms: []keys.Algorithm{keys.RS256, keys.ES256},
		},
		Sessions: config.Sessions{Idle: 12 * time.Hour, Lifetime: 7 * 24 * time.Hour},
		Clients:  clients(at),
		Outbound: config.Outbound{
			Allow:     []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
			AllowHTTP: true,
		},
		Health:    config.Health{Probes: true},
		Languages: config.Languages{Default: "ko", OrderWays: true},
		Limits:    config.DefaultLimits(),
		Log:       config.Log{Level: "info"},
	}
	for _, key := range []**wrap.Key{&cfg.SiteKey, &cfg.ClusterKey} {
		var err error
		if *key, err = newKey(); err != nil {
			return nil, err
		}
	}
	for _, name := range upstreams.Names() {
		p, err := provider(upstreams, name)
		if err != nil {
			return nil, fmt.Errorf("provider %s: %w", name, err)
		}
		cfg.Providers = append(cfg.Providers, p)
	}
	return cfg, nil
}

// provider is the configuration of the simulated upstream called name.
func provider(upstreams *fakeidp.Server, name string) (config.Provider, error) {
	upstream, _ := upstreams.Upstream(name)
	known := upstream.Client()
	p := config.Provider{
		ID: name, Kind: string(upstream.Dialect()), Name: upstream.Title(),
		ClientID: known.ID, ClientSecret: known.Secret,
		Issuer: upstream.Issuer(), Endpoints: endpointsOf(upstream), Timeout: patience,
		Domains: []string{name},
	}
	switch upstream.Dialect() {
	case fakeidp.OAuth2:
		p.Claims, p.TokenInfo = map[string]string{"subject": "id", "email_verified": "verified"}, "bearer"
		return p, nil
	case fakeidp.Apple:
	default:
		return p, nil
	}
	raw, err := x509.MarshalPKCS8PrivateKey(known.Key)
	if err != nil {
		return config.Provider{}, fmt.Errorf("write key: %w", err)
	}
	p.ClientSecret = ""
	p.TeamID, p.KeyID = known.TeamID, known.KeyID
	p.PrivateKey = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
	return p, nil
}

func clients(at places) []*client.Client {
	callback, home := at.demo+"/callback", at.demo+"/"
	names := map[string]string{"ko": "한빛상점", "en": "Hanbit Store", "ja": "ハンビットストア"}
	common := client.Client{
		RedirectURIs: []string{callback}, PostLogoutRedirectURIs: []string{home},
		URI: home, InitiateLoginURI: at.demo + "/login",
	}
	demo, spa, third := common, common, common

	demo.ID, demo.Name, demo.Names = clientDemo, "Hanbit Store", names
	demo.FirstParty, demo.PKCEOptional = true, true
	demo.SecretHashes = [][32]byte{client.HashSecret(secretDemo)}
	demo.GrantTypes = []string{client.GrantAuthorizationCode, client.GrantClientCredentials, client.GrantRefreshToken}

	spa.ID, spa.Name = clientSPA, "Hanbit SPA"
	spa.FirstParty, spa.Public = true, true
	spa.GrantTypes = []string{client.GrantAuthorizationCode, client.GrantRefreshToken}

	third.ID, third.Name = clientThird, "Third-party website"
	third.OptionalScopes = []string{"phone"}
	third.SecretHashes = [][32]byte{client.HashSecret(secretThird)}
	third.GrantTypes = spa.GrantTypes
	return []*client.Client{&demo, &spa, &third}
}
