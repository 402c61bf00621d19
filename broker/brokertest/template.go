package brokertest

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/bongsu/bongsu/broker/store/pgtest"
	"github.com/bongsu/bongsu/broker/store/sqlstore"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/seal"
	"github.com/bongsu/bongsu/keys/wrap"
)

// prepared is a database with its schema, its first keys and the next. Making RSA keys
// takes longer than most tests, so they are made once per process and every
// node starts from a copy.
type prepared struct {
	site, cluster *wrap.Key
	database      []byte
}

var prepare = sync.OnceValues(func() (*prepared, error) {
	made := &prepared{}
	for _, key := range []**wrap.Key{&made.site, &made.cluster} {
		text, err := wrap.Generate(rand.Reader)
		if err != nil {
			return nil, err
		}
		if *key, err = wrap.Parse(text); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp("", "bongsu-template-")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "bongsu.db")
	err = made.fill(context.Background(), sqlstore.Options{Driver: sqlstore.SQLite, Path: path})
	if err == nil {
		made.database, err = os.ReadFile(path)
	}
	return made, errors.Join(err, os.RemoveAll(dir))
})

// fill makes schema and keys. Closing a SQLite database moves all of it into
// the one file.
func (p *prepared) fill(ctx context.Context, o sqlstore.Options) error {
	opened, err := sqlstore.Open(ctx, o)
	if err != nil {
		return err
	}
	_, err = seal.Open(ctx, seal.Options{Store: opened, Wrap: p.cluster})
	var ring *keys.Ring
	if err == nil {
		ring, err = keys.Open(ctx, keys.Options{
			Issuer: "http://localhost", Site: "seoul", Store: opened, Wrap: p.site,
			Algorithms: []keys.Algorithm{keys.RS256, keys.ES256, keys.EdDSA},
		})
	}
	if err == nil {
		err = ring.Keep(ctx) // publishes the next keys, as every node would do at once
	}
	return errors.Join(err, opened.Close())
}

func template(t testing.TB) *prepared {
	t.Helper()
	made, err := prepare()
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func (p *prepared) copyTo(t testing.TB, path string) {
	t.Helper()
	if err := os.WriteFile(path, p.database, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Fill makes schema and keys in the empty PostgreSQL database that dsn names:
// what [pgtest.Database] copies from then on.
func Fill(ctx context.Context, dsn string) error {
	made, err := prepare()
	if err != nil {
		return err
	}
	return made.fill(ctx, sqlstore.Options{Driver: sqlstore.Postgres, Writer: dsn})
}

// OnPostgres puts a node on a database of the server that all tests share.
func OnPostgres(t testing.TB) func(*Setup) {
	t.Helper()
	return OnDatabase(pgtest.Database(t, "broker", Fill))
}

// OnDatabase puts a node on the PostgreSQL database that dsn names, which
// [Fill] made.
func OnDatabase(dsn string) func(*Setup) {
	return func(s *Setup) { s.Postgres = dsn }
}
