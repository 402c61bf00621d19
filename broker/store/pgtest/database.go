package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Migrate makes a schema in the empty database that dsn names, and leaves no
// connection open.
type Migrate func(ctx context.Context, dsn string) error

// environment names a server that runs already.
const environment = "BONGSU_TEST_POSTGRES"

// DSN returns a superuser's connection string to the server that all tests of
// the process share.
func DSN(t testing.TB) string {
	t.Helper()
	return sharedCluster(t).dsn
}

// Database returns the connection string of a new database on the shared
// server; it is dropped when t ends. Its schema is made by migrate, which runs
// once per name: the database is a copy.
func Database(t testing.TB, name string, migrate Migrate) string {
	t.Helper()
	return sharedCluster(t).database(t, name, migrate, true)
}

// shared is the server of the process.
var shared struct {
	mu      sync.Mutex
	cluster *cluster
	process *process // nil when it was there already
	err     error
}

func sharedCluster(t testing.TB) *cluster {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.cluster == nil && shared.err == nil {
		shared.err = startShared()
	}
	if shared.err != nil {
		t.Fatalf("no PostgreSQL to test with: %v", shared.err)
	}
	return shared.cluster
}

func startShared() error {
	if dsn := os.Getenv(environment); dsn != "" {
		shared.cluster = newCluster(dsn)
		return nil
	}
	p, err := newProcess(nil)
	if err != nil {
		return err
	}
	shared.process = p
	if err := errors.Join(p.copyBlank(), p.start()); err != nil {
		return err
	}
	shared.cluster = newCluster(p.dsn())
	return nil
}

// M runs tests and then ends what they shared.
type M struct{ tests interface{ Run() int } }

// Main wraps m for a TestMain: os.Exit(pgtest.Main(m).Run()), or
// goleak.VerifyTestMain(pgtest.Main(m)). Without it the server ends a moment
// after the process.
func Main(m interface{ Run() int }) *M { return &M{tests: m} }

// Run implements what TestMain and goleak call.
func (m *M) Run() int {
	code := m.tests.Run()
	if err := endShared(); err != nil {
		fmt.Fprintf(os.Stderr, "pgtest: %v\n", err)
		return max(code, 1)
	}
	return code
}

func endShared() error {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	var err error
	if shared.cluster != nil && shared.process == nil {
		err = shared.cluster.dropTemplates()
	}
	if shared.process != nil {
		err = shared.process.end()
	}
	if from := made.Swap(nil); from != nil {
		err = errors.Join(err, from.end())
	}
	shared.cluster, shared.process = nil, nil
	return err
}

// cluster is a server as its superuser sees it.
type cluster struct {
	dsn    string
	prefix string // of the names of this process's databases
	count  atomic.Int64

	mu        sync.Mutex
	templates map[string]*template
}

// template is a migrated database that is only copied.
type template struct {
	once sync.Once
	name string
	err  error
}

func newCluster(dsn string) *cluster {
	return &cluster{dsn: dsn, prefix: fmt.Sprintf("bongsu_%d_", os.Getpid()), templates: map[string]*template{}}
}

func (c *cluster) database(t testing.TB, name string, migrate Migrate, drop bool) string {
	t.Helper()
	made, err := c.copyOf(name, migrate)
	if err != nil {
		t.Fatalf("make database: %v", err)
	}
	if drop {
		t.Cleanup(func() {
			if err := c.run("DROP DATABASE " + made + " WITH (FORCE)"); err != nil {
				t.Errorf("drop database: %v", err)
			}
		})
	}
	return c.dsnOf(made)
}

// copyOf makes a database from the template of name.
func (c *cluster) copyOf(name string, migrate Migrate) (string, error) {
	c.mu.Lock()
	from, ok := c.templates[name]
	if !ok {
		from = &template{name: c.next()}
		c.templates[name] = from
	}
	c.mu.Unlock()
	from.once.Do(func() {
		from.err = c.run("CREATE DATABASE " + from.name + " TEMPLATE template0")
		if from.err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), startWithin)
		defer cancel()
		from.err = migrate(ctx, c.dsnOf(from.name))
	})
	if from.err != nil {
		return "", from.err
	}
	made := c.next()
	return made, c.run("CREATE DATABASE " + made + " TEMPLATE " + from.name + " STRATEGY FILE_COPY")
}

func (c *cluster) next() string { return c.prefix + fmt.Sprint(c.count.Add(1)) }

func (c *cluster) dropTemplates() error {
	var err error
	for _, from := range c.templates {
		err = errors.Join(err, c.run("DROP DATABASE IF EXISTS "+from.name+" WITH (FORCE)"))
	}
	return err
}

// run runs a statement as superuser. A template whose last connection is only
// just ending is waited for.
func (c *cluster) run(statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), answerWithin)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.dsn)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for {
		_, err := conn.Exec(ctx, statement)
		var said *pgconn.PgError
		if !errors.As(err, &said) || said.Code != "55006" || !pause(ctx) { // object_in_use
			return err
		}
	}
}

// dsnOf is the connection string with another database in it.
func (c *cluster) dsnOf(name string) string {
	if !strings.Contains(c.dsn, "://") {
		return c.dsn + " dbname=" + name
	}
	parsed, err := url.Parse(c.dsn)
	if err != nil {
		return c.dsn + " dbname=" + name // pgx will say what is wrong with it
	}
	parsed.Path = "/" + name
	return parsed.String()
}
