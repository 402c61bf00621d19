package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// measureBroker starts a broker on an empty store of that kind and prints
// everything that is measured of it.
func measureBroker(ctx context.Context, s settings, store, alg string, bare bareNumbers) (err error) {
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
	fmt.Printf("%-20s %3s %8s %8s %8s %6s\n", "", "n", "per CPU-s", "p50", "p99", "errors")
	return measureAll(ctx, s, p, db, issuer, u, alg, bare)
}

func measureAll(ctx context.Context, s settings, p *process, db *database, issuer string, u *upstream, alg string, bare bareNumbers) error {
	w := newWebsite(ctx, issuer, u, alg)
	given, err := meetEverybody(ctx, w)
	if err != nil {
		return err
	}
	idle := p.memory()
	var peak float64
	var failed int
	row := func(name string, n int, r result, bare float64) {
		printRow(name, n, r, bare)
		failed += r.failed
	}
	for _, n := range workers {
		statements := db.commits(ctx)
		r := measure(ctx, p, n, s.each, w.login)
		row("login", n, r, bare.token)
		if after := db.commits(ctx); after > 0 && r.done > 0 {
			fmt.Printf("   %.2f transactions a login at the database\n", float64(after-statements)/float64(r.done))
		}
		peak = max(peak, p.memory())
	}
	for _, n := range workers {
		row("client_credentials", n, measure(ctx, p, n, s.each, w.own), bare.token)
	}
	for _, n := range workers {
		row("JWKS", n, measure(ctx, p, n, s.each, fetching(issuer+"/jwks", "")), bare.document)
	}
	row("discovery", 8, measure(ctx, p, 8, s.each, fetching(issuer+"/.well-known/openid-configuration", "")), bare.document)
	for _, n := range workers {
		refresh, err := w.refreshing(ctx, n)
		if err != nil {
			return err
		}
		row("refresh", n, measure(ctx, p, n, s.each, refresh), bare.token)
	}
	row("introspection", 8, measure(ctx, p, 8, s.each, w.introspecting(given.Access)), bare.token)
	row("userinfo", 8, measure(ctx, p, 8, s.each, fetching(issuer+"/userinfo", given.Access)), bare.token)
	fmt.Printf("memory: %.0f MiB idle after 500 logins, %.0f MiB under load\n", idle, peak)
	if failed > 0 {
		return fmt.Errorf("%d requests failed", failed)
	}
	return nil
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
providers:
  - {id: up, kind: openid, name: Up, issuer: %[7]q, client_id: bench-broker, client_secret: upstream-secret-of-forty-letters-and-digits}
clients:
  - id: %[8]s
    name: Bench
    secret: %[9]s
    first_party: true
    pkce: optional
    id_token_signed_response_alg: %[10]s
    grant_types: [authorization_code, refresh_token, client_credentials]
    redirect_uris: [%[11]s]
`, issuer, port, db.settings, filepath.Join(dir, "data"), key('s'), key('c'), u.issuer, clientID, clientSecret, alg, callback)
	path = filepath.Join(dir, "bongsu.yaml")
	return path, issuer, os.WriteFile(path, []byte(text), 0o600)
}
