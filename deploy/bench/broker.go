package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// measureBroker starts a broker on an empty store of that kind and prints
// everything that is measured of it.
func measureBroker(ctx context.Context, s settings, store, alg string, b *bare) (err error) {
	dir, err := os.MkdirTemp("", "bongsu-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	u, err := newUpstream()
	if err != nil {
		return err
	}
	defer func() { _ = u.server.Close() }()
	db, err := openDatabase(ctx, store, dir)
	if err != nil {
		return err
	}
	defer db.stop()
	config, issuer, err := writeConfig(dir, alg, u, db)
	if err != nil {
		return err
	}
	first, p, err := startBroker(ctx, s, dir, config, issuer)
	if err != nil {
		return err
	}
	p.stop()
	second, p, err := startBroker(ctx, s, dir, config, issuer)
	if err != nil {
		return err
	}
	defer p.stop()
	p.also = db.pids

	fmt.Printf("\n%s, ID tokens %s: first answer %d ms, on the second start %d ms\n", store, alg, first.Milliseconds(), second.Milliseconds())
	printHeader()
	return measureAll(ctx, s, p, db, issuer, u, alg, b)
}

func measureAll(ctx context.Context, s settings, p *process, db *database, issuer string, u *upstream, alg string, b *bare) error {
	w := newWebsite(ctx, issuer, u, alg)
	given, err := meetEverybody(ctx, w)
	if err != nil {
		return err
	}
	busy := p.memory()
	if err := resting(ctx, s.rest); err != nil {
		return err
	}
	idle, peak, failed := p.memory(), memory{}, 0
	for _, m := range w.measurements(given, alg) {
		if !s.only.MatchString(m.name) {
			continue
		}
		document, err := m.served(ctx)
		if err != nil {
			return err
		}
		for _, n := range m.workers {
			do, err := m.prepare(ctx, n)
			if err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
			before := db.commits(ctx, m.name)
			r, err := b.around(ctx, n, s.each, document, func(part time.Duration) result { return measure(ctx, p, n, part, do) })
			if err != nil {
				return err
			}
			r.commits = db.commits(ctx, m.name) - before
			printRow(m.name, n, r)
			failed += r.failed
			if used := p.memory(); used.resident > peak.resident {
				peak = used
			}
		}
	}
	fmt.Printf("memory: %s right after 500 logins, %s after %s of rest, %s under load\n", busy, idle, s.rest, peak)
	if failed > 0 {
		return fmt.Errorf("%d requests failed", failed)
	}
	return nil
}

// resting waits as long as a broker needs to see that nobody asks it anything.
func resting(ctx context.Context, long time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(long):
		return nil
	}
}

// login is the name of the rows whose commits are counted.
const login = "login"

// measurement is one line of the report, or several.
type measurement struct {
	name    string
	workers []int
	prepare func(ctx context.Context, n int) (task, error)
	url     string // of a prepared document; empty: compared with a signature
}

// served is the document that the bare server serves beside this; nil for none.
func (m measurement) served(ctx context.Context) ([]byte, error) {
	if m.url == "" {
		return nil, nil
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, m.url, nil)
	if err != nil {
		return nil, err
	}
	c := newClient()
	defer c.CloseIdleConnections()
	_, body, err := call(c, r, http.StatusOK)
	return body, err
}

// measurements are all of them, in the order of the report.
func (s *website) measurements(given tokens, alg string) []measurement {
	eight := []int{8}
	just := func(do task) func(context.Context, int) (task, error) {
		return func(context.Context, int) (task, error) { return do, nil }
	}
	jwks, discovery := s.issuer+"/jwks", s.issuer+"/.well-known/openid-configuration"
	all := []measurement{
		{login, workers, just(s.login), ""},
		{"client_credentials", workers, just(s.own), ""},
		{"JWKS", workers, just(fetching(jwks, "")), jwks},
		{"discovery", workers, just(fetching(discovery, "")), discovery},
		{"refresh", workers, s.refreshing, ""},
		{"introspection", eight, just(s.introspecting(given.Access)), ""},
		{"userinfo", eight, just(fetching(s.issuer+"/userinfo", given.Access)), ""},
	}
	if alg != "ES256" {
		return all // access tokens are signed alike whatever ID tokens are signed with
	}
	var strangers pool
	return append(all,
		measurement{"introspection, ever new tokens", eight, strangers.of(s, s.introspecting), ""},
		measurement{"userinfo, ever new tokens", eight, strangers.of(s, func(token string) task {
			return fetching(s.issuer+"/userinfo", token)
		}), ""})
}

// meetEverybody makes the accounts that the measured logins are of.
func meetEverybody(ctx context.Context, w *website) (tokens, error) {
	c := newClient()
	defer c.CloseIdleConnections()
	for i := range persons {
		if _, err := w.authorize(ctx, c, fmt.Sprintf("person-%d", i), true); err != nil {
			return tokens{}, fmt.Errorf("first login: %w", err)
		}
	}
	code, err := w.authorize(ctx, c, "person-0", false)
	if err != nil {
		return tokens{}, err
	}
	return w.redeem(ctx, c, code)
}

// startBroker starts the broker and tells how long its first answer took.
func startBroker(ctx context.Context, s settings, dir, config, issuer string) (time.Duration, *process, error) {
	out, err := os.OpenFile(filepath.Join(dir, "bongsu.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = out.Close() }()
	p, err := start(ctx, out, s.bongsu, "serve", "--config", config)
	if err != nil {
		return 0, nil, err
	}
	took, err := awaitAnswer(ctx, issuer+"/jwks")
	if err != nil {
		p.stop()
		said, _ := os.ReadFile(out.Name())
		return 0, nil, fmt.Errorf("%w\n%s", err, said)
	}
	return took, p, nil
}

func writeConfig(dir, alg string, u *upstream, db *database) (path, issuer string, err error) {
	port, err := freePort()
	if err != nil {
		return "", "", err
	}
	issuer = fmt.Sprintf("http://127.0.0.1:%d", port)
	key := func(b byte) string { return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(b), 32))) }
	text := fmt.Sprintf(`issuer: %[1]s
site: bench
listen: 127.0.0.1:%[2]d
admin: ""
store: %[3]s
data_dir: %[4]s
site_key: %[5]s
cluster_key: %[6]s
outbound: {allow: [127.0.0.0/8], allow_http: true}
limits: {exempt: [127.0.0.0/8]}
%[7]s`, issuer, port, db.settings, filepath.Join(dir, "data"), key('s'), key('c'), registrations(alg, u))
	path = filepath.Join(dir, "bongsu.yaml")
	return path, issuer, os.WriteFile(path, []byte(text), 0o600)
}

// registrations are the provider and the website, as a configuration has them.
func registrations(alg string, u *upstream) string {
	return fmt.Sprintf(`providers:
  - {id: up, kind: openid, name: Up, issuer: %[1]q, client_id: bench-broker, client_secret: upstream-secret-of-forty-letters-and-digits}
clients:
  - id: %[2]s
    name: Bench
    secret: %[3]s
    first_party: true
    pkce: optional
    id_token_signed_response_alg: %[4]s
    grant_types: [authorization_code, refresh_token, client_credentials]
    redirect_uris: [%[5]s]
`, u.issuer, clientID, clientSecret, alg, callback)
}
