package main

import (
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/bongsu/bongsu/broker/store/sqlstore"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/wrap"
)

// threeSites are the names of the sites that are set beside one.
var threeSites = []string{"one", "two", "three"}

// fleet is brokers of one issuer, each a site with a database of its own: the
// first one's takes the writes, and waits for one of the others.
type fleet struct {
	issuer    string
	databases []*database
	brokers   []*process
	addresses []string // of the brokers, where each is asked
}

// measureSites sets logins at three sites beside those at one, and says what
// sites cost that nobody asks anything.
func measureSites(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("sites", flag.ContinueOnError)
	s := settings{}
	flags.StringVar(&s.bongsu, "bongsu", "./bongsu", "the broker's binary")
	flags.DurationVar(&s.each, "for", 5*time.Second, "how long one number is measured")
	flags.DurationVar(&s.rest, "rest", 10*time.Second, "how long it is watched what a node costs at rest")
	if err := flags.Parse(args); err != nil {
		return err
	}
	b, err := startBare(ctx)
	if err != nil {
		return fmt.Errorf("bare server: %w", err)
	}
	defer b.stop()
	fmt.Println("logins, ID tokens ES256, at PostgreSQL; several sites: one primary, standbys, a quorum of one")
	var one float64
	for _, names := range [][]string{threeSites[:1], threeSites} {
		reached, err := sitesOf(ctx, s, b, names)
		if err != nil {
			return fmt.Errorf("%d sites: %w", len(names), err)
		}
		if one == 0 {
			one = reached
			continue
		}
		fmt.Printf("%d sites reach %.0f %% of what one does, by what each is of bare\n", len(names), 100*reached/one)
	}
	return nil
}

// sitesOf starts as many sites, measures them, and returns the best ratio to bare.
func sitesOf(ctx context.Context, s settings, b *bare, names []string) (best float64, err error) {
	dir, err := os.MkdirTemp("", "bongsu-bench-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	u, err := newUpstream()
	if err != nil {
		return 0, err
	}
	defer func() { _ = u.server.Close() }()
	f := &fleet{}
	defer f.stop()
	if err := f.start(ctx, s, dir, names, u); err != nil {
		return 0, err
	}
	w := newWebsite(ctx, f.issuer, u, "ES256")
	if _, err := meetEverybody(ctx, w); err != nil {
		return 0, err
	}
	fmt.Println()
	rate, err := f.atRest(ctx, s.rest, names)
	if err != nil {
		return 0, err
	}
	before, began, done := f.counts(ctx), time.Now(), 0
	printHeader()
	for _, n := range workers {
		do := f.spread(w, n)
		r, err := b.around(ctx, n, s.each, nil, func(part time.Duration) result { return measure(ctx, f.brokers[0], n, part, do) })
		if err != nil {
			return 0, err
		}
		printRow(fmt.Sprintf("login, sites: %d", len(names)), n, r)
		if r.failed > 0 {
			return 0, fmt.Errorf("%d logins failed", r.failed)
		}
		done += len(r.took)
		best = max(best, ratio(r.result, r.bare))
	}
	cost := f.counts(ctx).since(before, rate, time.Since(began))
	fmt.Printf("%.2f reads and %.2f commits a login\n", cost.reads/float64(done), cost.writes/float64(done))
	return best, nil
}

// spread is the task of logging in at one site after the other: each worker's
// browser and website reach one of them alone, by the name they share.
func (f *fleet) spread(w *website, n int) task {
	clients := make([]*http.Client, n)
	for i := range clients {
		address := f.addresses[i%len(f.addresses)]
		clients[i] = newClient()
		clients[i].Transport.(*http.Transport).DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, address)
		}
	}
	return func(ctx context.Context, _ *http.Client, worker, i int) error {
		return w.login(ctx, clients[worker], worker, i)
	}
}

// counted is what databases have done, all of a fleet's together.
type counted struct{ reads, writes float64 }

// since is what was done since, without what is done at rest.
func (c counted) since(before, rate counted, long time.Duration) counted {
	return counted{c.reads - before.reads - rate.reads*long.Seconds(), c.writes - before.writes - rate.writes*long.Seconds()}
}

// reported is how long it takes until a server process that rests has reported what
// it did, by PostgreSQL's pgstat.c.
const reported = 11 * time.Second

// counts asks every database for its transactions, and the primary for how many of
// them wrote something.
func (f *fleet) counts(ctx context.Context) counted {
	_ = resting(ctx, reported)
	var all, wrote float64
	for _, d := range f.databases {
		all += float64(d.commits(ctx, login))
	}
	if said, err := f.databases[0].ask(ctx, "SELECT pg_snapshot_xmax(pg_current_snapshot())"); err == nil {
		_, _ = fmt.Sscan(said, &wrote)
	}
	return counted{all - wrote, wrote}
}

// atRest prints what each node and database costs that nobody asks anything, and
// returns the transactions of a second.
func (f *fleet) atRest(ctx context.Context, long time.Duration, names []string) (counted, error) {
	cpu := func() (all []time.Duration) {
		for i, p := range f.brokers {
			of := 0 * time.Second
			for _, pid := range f.databases[i].pids() {
				of += cpuOf(pid)
			}
			all = append(all, cpuOf(p.cmd.Process.Pid), of)
		}
		return all
	}
	counts, before, began := f.counts(ctx), cpu(), time.Now()
	if err := resting(ctx, long); err != nil {
		return counted{}, err
	}
	after := cpu()
	for i, name := range names {
		node, db := after[2*i]-before[2*i], after[2*i+1]-before[2*i+1]
		fmt.Printf("at rest, site %s: node %.2f %% and database %.2f %% of a CPU\n", name, 100*node.Seconds()/long.Seconds(), 100*db.Seconds()/long.Seconds())
	}
	took := time.Since(began).Seconds() + reported.Seconds()
	done := f.counts(ctx).since(counts, counted{}, 0)
	return counted{done.reads / took, done.writes / took}, nil
}

func (f *fleet) start(ctx context.Context, s settings, dir string, names []string, u *upstream) error {
	if err := f.startDatabases(ctx, dir, names); err != nil {
		return err
	}
	ports := make([]int, 3*len(names)) // of each: public, gossip, peers
	for i := range ports {
		var err error
		if ports[i], err = freePort(); err != nil {
			return err
		}
	}
	f.issuer = fmt.Sprintf("http://127.0.0.1:%d", ports[0])
	if err := f.firstKeys(ctx, names); err != nil {
		return err
	}
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = filepath.Join(dir, name+".yaml")
		if err := os.WriteFile(paths[i], []byte(f.config(dir, names, i, ports, u)), 0o600); err != nil {
			return err
		}
		f.addresses = append(f.addresses, fmt.Sprintf("127.0.0.1:%d", ports[3*i]))
	}
	if err := listSites(ctx, s, paths); err != nil {
		return err
	}
	for i, path := range paths {
		out, err := os.OpenFile(path+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		p, err := start(ctx, out, s.bongsu, "serve", "--config", path)
		if err = errors.Join(err, out.Close()); err != nil {
			return err
		}
		f.brokers = append(f.brokers, p)
		if err := f.awaitSite(ctx, i); err != nil {
			said, _ := os.ReadFile(path + ".log")
			return fmt.Errorf("%w\n%s", err, said)
		}
	}
	f.brokers[0].also = f.pids
	return nil
}

// awaitSite waits until a site answers at its own address.
func (f *fleet) awaitSite(ctx context.Context, i int) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	c := newClient()
	defer c.CloseIdleConnections()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+f.addresses[i]+"/jwks", nil)
		if err != nil {
			return err
		}
		r.Host = strings.TrimPrefix(f.issuer, "http://")
		if _, _, err = call(c, r, http.StatusOK); err == nil {
			return nil
		}
		if stopped := resting(ctx, 20*time.Millisecond); stopped != nil {
			return errors.Join(errors.New("a site does not answer"), err)
		}
	}
}

// pids are all processes but the first broker.
func (f *fleet) pids() (all []int) {
	for i, d := range f.databases {
		all = append(all, d.pids()...)
		if i > 0 {
			all = append(all, f.brokers[i].cmd.Process.Pid)
		}
	}
	return all
}

func (f *fleet) stop() {
	for _, p := range f.brokers {
		p.stop()
	}
	for _, d := range f.databases {
		d.stop()
	}
}

func (f *fleet) startDatabases(ctx context.Context, dir string, names []string) error {
	primary, err := startPostgres(ctx, dir, "one")
	if err != nil {
		return err
	}
	f.databases = append(f.databases, primary)
	for _, name := range names[1:] {
		standby, err := primary.standby(ctx, dir, name)
		if err != nil {
			return err
		}
		f.databases = append(f.databases, standby)
	}
	if len(names) == 1 {
		return nil
	}
	for _, statement := range []string{"ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'", "SELECT pg_reload_conf()"} {
		if _, err := primary.ask(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// firstKeys has every site begin as the only one, so that its keys sign at once:
// those of a site that joins others are published for days before.
func (f *fleet) firstKeys(ctx context.Context, names []string) error {
	opened, err := sqlstore.Open(ctx, sqlstore.Options{Driver: sqlstore.Postgres, Writer: f.databases[0].dsn})
	if err != nil {
		return err
	}
	for i, name := range names {
		wrapper, err := wrap.New(siteKey(i))
		if err == nil {
			_, err = keys.Open(ctx, keys.Options{
				Issuer: f.issuer, Site: name, Store: opened, Wrap: wrapper, Algorithms: []keys.Algorithm{keys.RS256, keys.ES256},
			})
		}
		if err != nil {
			return errors.Join(err, opened.Close())
		}
	}
	return opened.Close()
}

func siteKey(i int) []byte { return []byte(strings.Repeat(string(rune('a'+i)), wrap.SecretSize)) }

// listSites has the program say each site's identity, and tells all of them.
func listSites(ctx context.Context, s settings, paths []string) error {
	if len(paths) == 1 {
		return nil
	}
	var list strings.Builder
	list.WriteString("sites:\n")
	for _, path := range paths {
		var said strings.Builder
		cmd := exec.CommandContext(ctx, s.bongsu, "keys", "identity", "show", "--config", path)
		cmd.Stderr = &said
		line, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("identity: %w: %s", err, said.String())
		}
		list.Write(line)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, append(text, list.String()...), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// config is the configuration of a site's node.
func (f *fleet) config(dir string, names []string, i int, ports []int, u *upstream) string {
	encode := func(secret []byte) string { return base64.StdEncoding.EncodeToString(secret) }
	shared := encode([]byte(strings.Repeat("g", wrap.SecretSize)))
	text := fmt.Sprintf(`issuer: %[1]s
site: %[2]s
listen: 127.0.0.1:%[3]d
admin: ""
store: {driver: postgres, writer: %[4]q, reader: %[5]q}
data_dir: %[6]s
site_key: %[7]s
cluster_key: %[8]s
outbound: {allow: [127.0.0.0/8], allow_http: true}
limits: {exempt: [127.0.0.0/8]}
`, f.issuer, names[i], ports[3*i], f.writer(), f.databases[i].dsn, filepath.Join(dir, "data-"+names[i]), encode(siteKey(i)), shared)
	if len(names) > 1 {
		var seeds []string
		for j := range names {
			seeds = append(seeds, fmt.Sprintf("127.0.0.1:%d", ports[3*j+1]))
		}
		text += fmt.Sprintf("node: %s-1\ngossip: {listen: \"127.0.0.1:%d\", seeds: [%s], keys: %s}\npeers: {listen: \"127.0.0.1:%d\"}\n",
			names[i], ports[3*i+1], strings.Join(seeds, ", "), shared, ports[3*i+2])
	}
	return text + registrations("ES256", u)
}

// writer finds the database that takes writes.
func (f *fleet) writer() string {
	var hosts []string
	for _, d := range f.databases {
		hosts = append(hosts, fmt.Sprintf("127.0.0.1:%d", d.port))
	}
	return "postgres://postgres@" + strings.Join(hosts, ",") + "/postgres?sslmode=disable&target_session_attrs=read-write"
}
