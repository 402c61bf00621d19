package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations
var migrations embed.FS

const (
	versionTable = "schema_versions"
	migrateIn    = time.Minute // for all migrations together, waiting for another node's included
	migrateTries = 3           // SQLite has no lock for this: of two processes one may have to try again
)

// Of a database without tables the first one answers zero.
const (
	sqliteHasVersions   query = `SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = '` + versionTable + `'`
	postgresHasVersions query = `SELECT count(*) FROM pg_catalog.pg_class WHERE oid = to_regclass('` + versionTable + `')`
	selectVersion       query = `SELECT max(version_id) FROM ` + versionTable
	selectNeeds         query = `SELECT version FROM needs WHERE id = 1`
)

// errSchema means that the database needs a newer program than this.
var errSchema = errors.New("sqlstore: the database was made by a newer version of this program and needs one")

// errBehind means that the database lacks what this program needs, and that it is not
// this node's to add it.
var errBehind = errors.New("sqlstore: the database was made by an older version of this program and must be brought up to date first")

// misfits reports whether a database is not as it must be, which waiting does not mend.
func misfits(err error) bool {
	return errors.Is(err, errSchema) || errors.Is(err, errBehind) || errors.Is(err, errServer) || errors.Is(err, ErrContract)
}

// schema is what a database says about its tables.
type schema struct {
	version int64 // of the last migration; 0: no tables
	needs   int64 // the version that a program must know
}

// fits reports whether a program that knows the migrations up to latest can
// work with the database, and whether some of them are missing there. A newer
// database fits as long as it says so: while programs are replaced one by one,
// old and new ones run side by side.
func (s schema) fits(latest int64) (behind bool, err error) {
	if s.needs > latest {
		return false, fmt.Errorf("%w (schema %d, known %d)", errSchema, s.needs, latest)
	}
	return s.version < latest, nil
}

// readSchema is the work of looking.
func readSchema(has query, found *schema) work {
	return func(ctx context.Context, q session) error {
		*found = schema{}
		var tables int
		if err := q.row(ctx, has, nil, &tables); err != nil || tables == 0 {
			return err
		}
		var version sql.NullInt64
		if err := q.row(ctx, selectVersion, nil, &version); err != nil || version.Int64 == 0 {
			return err
		}
		found.version = version.Int64
		return q.row(ctx, selectNeeds, nil, &found.needs)
	}
}

// migrator brings one database up to date.
type migrator struct {
	provider *goose.Provider
	known    []Migration // in order
	latest   int64
}

func newMigrator(dialect goose.Dialect, folder string, db *sql.DB, o Options) (*migrator, error) {
	files, err := fs.Sub(o.schema, "migrations/"+folder)
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	known, err := readMigrations(files)
	if err != nil {
		return nil, err
	}
	settings := []goose.ProviderOption{
		goose.WithTableName(versionTable), goose.WithSlog(o.Logger), goose.WithDisableGlobalRegistry(true),
	}
	if dialect == goose.DialectPostgres {
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, uint64(migrateIn/time.Second)))
		if err != nil {
			return nil, fmt.Errorf("migration lock: %w", err)
		}
		settings = append(settings, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(dialect, db, files, settings...)
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	return &migrator{provider: provider, known: known, latest: known[len(known)-1].Version}, nil
}

// bring has a database fit this program, as far as that is a node's to do: it adds
// what is missing, and takes nothing away that a node of before may still use. With
// manual it does neither.
func (m *migrator) bring(ctx context.Context, found schema, manual bool) error {
	behind, err := found.fits(m.latest)
	if err != nil || !behind {
		return err
	}
	reach := found.version
	if !manual {
		reach = m.unasked(found.version)
	}
	if wanted := m.wanted(); reach < wanted {
		return fmt.Errorf("%w (schema %d, wanted %d): bongsu migrate", errBehind, found.version, wanted)
	}
	if reach == found.version {
		return nil
	}
	return m.up(ctx, reach)
}

// unasked is how far a node goes by itself from a version: up to the first migration
// that takes something away. In an empty database there is nobody to take it from.
func (m *migrator) unasked(from int64) int64 {
	reach := from
	for _, known := range m.known {
		if known.Version > from && known.Contract() && from > 0 {
			break
		}
		reach = max(reach, known.Version)
	}
	return reach
}

// wanted is the version that this program cannot do without: it works beside what a
// contraction at the end of the list would take away.
func (m *migrator) wanted() int64 {
	for _, known := range slices.Backward(m.known) {
		if !known.Contract() {
			return known.Version
		}
	}
	return 0
}

// up applies what is missing up to a version.
func (m *migrator) up(ctx context.Context, to int64) error {
	ctx, cancel := context.WithTimeout(ctx, migrateIn)
	defer cancel()
	if _, err := m.provider.UpTo(ctx, to); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// migrateSQLite looks at the schema of db and has do bring it up to date.
func migrateSQLite(ctx context.Context, o Options, db *sql.DB, do func(ctx context.Context, m *migrator, found schema) error) error {
	m, err := newMigrator(goose.DialectSQLite3, SQLite, db, o)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		var found schema
		if err := readSchema(sqliteHasVersions, &found)(ctx, plainSession{db, sqliteFault}); err != nil {
			return err
		}
		err := do(ctx, m, found)
		if err == nil || misfits(err) {
			return err
		}
		if try == migrateTries {
			return sqliteFault(err)
		}
	}
}
