package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
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
	latest   int64
}

func newMigrator(dialect goose.Dialect, folder string, db *sql.DB, o Options) (*migrator, error) {
	files, err := fs.Sub(migrations, "migrations/"+folder)
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
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
	sources := provider.ListSources()
	return &migrator{provider: provider, latest: sources[len(sources)-1].Version}, nil
}

// up applies what is missing.
func (m *migrator) up(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, migrateIn)
	defer cancel()
	if _, err := m.provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// migrateSQLite looks at the schema of db and brings it up to date.
func migrateSQLite(ctx context.Context, o Options, db *sql.DB) error {
	m, err := newMigrator(goose.DialectSQLite3, SQLite, db, o)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		var found schema
		if err := readSchema(sqliteHasVersions, &found)(ctx, plainSession{db, sqliteFault}); err != nil {
			return err
		}
		behind, err := found.fits(m.latest)
		if err != nil || !behind {
			return err
		}
		if err := m.up(ctx); err != nil && try == migrateTries {
			return sqliteFault(err)
		}
	}
}
