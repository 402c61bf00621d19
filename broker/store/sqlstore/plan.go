package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bongsu/bongsu/broker/store"
)

// ErrContract means that a migration takes something away that programs of before
// use, and that nobody said they are gone.
var ErrContract = errors.New("sqlstore: a migration takes away what older programs use")

// Migration is one change of the schema.
type Migration struct {
	Version int64
	Name    string // of its file, without number
	// Needs is the schema that programs must know from then on; 0: as before. It is
	// what makes the difference between adding and taking away.
	Needs int64
}

// Contract reports whether the migration takes something away: programs that know no
// newer schema than the one before it must be gone.
func (m Migration) Contract() bool { return m.Needs > 0 }

// Plan is what a database is, and what this program would do to it.
type Plan struct {
	Driver  string
	Schema  int64       // of the database; 0: it is empty
	Needs   int64       // the schema that programs must know to work with it; 0: it is empty
	Knows   int64       // the schema that this program knows
	Pending []Migration // in order
}

// Fits reports whether this program can work with the database once what is pending
// was done.
func (p Plan) Fits() bool { return p.Needs <= p.Knows }

// Contracts reports whether something that is pending takes anything away, from
// somebody.
func (p Plan) Contracts() bool {
	return p.Schema > 0 && slices.ContainsFunc(p.Pending, Migration.Contract)
}

// Look reads what a database is and changes nothing: a file that is not there is an
// empty database, and stays so. [store.ErrUnavailable]: it could not be read.
func Look(ctx context.Context, o Options) (Plan, error) {
	var plan Plan
	err := o.atSchema(ctx, true, func(_ context.Context, m *migrator, found schema) error {
		plan = m.plan(o.Driver, found)
		return nil
	})
	return plan, err
}

// Migrate does what is pending and returns what that was. Without contract it refuses
// to take anything away ([ErrContract]) before it has done anything. A database that
// needs a newer program is left alone, see [Plan.Fits].
func Migrate(ctx context.Context, o Options, contract bool) (Plan, error) {
	var done Plan
	err := o.atSchema(ctx, false, func(ctx context.Context, m *migrator, found schema) error {
		done = m.plan(o.Driver, found)
		switch {
		case !done.Fits() || len(done.Pending) == 0:
			return nil
		case done.Contracts() && !contract:
			return ErrContract
		default:
			return m.up(ctx, m.latest)
		}
	})
	return done, err
}

// atSchema has do work with the schema of a database.
func (o Options) atSchema(ctx context.Context, looking bool, do func(context.Context, *migrator, schema) error) error {
	if err := o.validate(); err != nil {
		return err
	}
	if o.Driver == SQLite {
		return o.atSQLite(ctx, looking, do)
	}
	b := newBreaker(o)
	defer b.close()
	server, err := newPostgres(o, o.Writer, b, pgconn.ValidateConnectTargetSessionAttrsReadWrite)
	if err != nil {
		return fmt.Errorf("connection string of the writer: %w", err)
	}
	return errors.Join(server.migrate(ctx, o, do), server.close())
}

func (o Options) atSQLite(ctx context.Context, looking bool, do func(context.Context, *migrator, schema) error) error {
	pragmas := []string{"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"}
	_, err := os.Stat(o.Path)
	switch {
	case looking && errors.Is(err, fs.ErrNotExist):
		return o.atNothing(ctx, do)
	case looking:
		pragmas = []string{"query_only(1)"}
	default:
		err = touch(o.Path)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	connector, err := sqliteConnector(o, o.Path, pragmas...)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	return errors.Join(migrateSQLite(ctx, o, db, do), db.Close())
}

// atNothing has do work with a database that is not there.
func (o Options) atNothing(ctx context.Context, do func(context.Context, *migrator, schema) error) error {
	files, err := fs.Sub(o.schema, "migrations/"+SQLite)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	known, err := readMigrations(files)
	if err != nil {
		return err
	}
	return do(ctx, &migrator{known: known, latest: known[len(known)-1].Version}, schema{})
}

// bring is [migrator.bring] as the options say.
func (o Options) bring(ctx context.Context, m *migrator, found schema) error {
	return m.bring(ctx, found, o.Manual)
}

func (m *migrator) plan(driver string, found schema) Plan {
	p := Plan{Driver: driver, Schema: found.version, Needs: found.needs, Knows: m.latest}
	for _, known := range m.known {
		if known.Version > found.version {
			p.Pending = append(p.Pending, known)
		}
	}
	return p
}

// needed finds what a migration says of the programs that come after it.
var needed = regexp.MustCompile(`(?m)^UPDATE needs SET version = ([1-9][0-9]*)`)

// readMigrations reads the names and needs of migrations, in order.
func readMigrations(files fs.FS) ([]Migration, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("migrations: %d files: %w", len(names), err)
	}
	var known []Migration
	for _, name := range names {
		number, rest, _ := strings.Cut(strings.TrimSuffix(path.Base(name), ".sql"), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("migration %s: %w", name, err)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("migration %s: %w", name, err)
		}
		m := Migration{Version: version, Name: rest}
		if found := needed.FindSubmatch(text); found != nil {
			m.Needs, _ = strconv.ParseInt(string(found[1]), 10, 64)
		}
		known = append(known, m)
	}
	slices.SortFunc(known, func(a, b Migration) int { return int(a.Version - b.Version) })
	return known, nil
}
