package sqlstore

import (
	"errors"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/store/storetest"
)

// The migrations of programs to come: one only adds, one takes away what today's
// program uses.
const (
	expandNext = `-- +goose Up
ALTER TABLE accounts ADD COLUMN shoe_size INTEGER NOT NULL DEFAULT 43;
ALTER TABLE grants ADD COLUMN colour TEXT NOT NULL DEFAULT '';
CREATE TABLE shoes (id TEXT NOT NULL PRIMARY KEY, account_id TEXT NOT NULL REFERENCES accounts (id));
CREATE INDEX grants_by_colour ON grants (colour);
`
	contractNext = `-- +goose Up
ALTER TABLE accounts DROP COLUMN locale;
UPDATE needs SET version = 99 WHERE id = 1;
`
)

// ahead is the schema of a program that comes after this one, with its migrations by
// number.
func ahead(t *testing.T, more map[string]string) fs.FS {
	t.Helper()
	all := fstest.MapFS{}
	for _, dialect := range []string{SQLite, Postgres} {
		dir := "migrations/" + dialect
		names, err := fs.Glob(migrations, dir+"/*.sql")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := fs.ReadFile(migrations, name)
			if err != nil {
				t.Fatal(err)
			}
			all[name] = &fstest.MapFile{Data: text}
		}
		for name, text := range more {
			all[dir+"/"+name] = &fstest.MapFile{Data: []byte(text)}
		}
	}
	return all
}

func look(t *testing.T, o Options) Plan {
	t.Helper()
	found, err := Look(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestAPlanChangesNothing(t *testing.T) {
	for _, d := range dialects {
		t.Run(d.name, func(t *testing.T) {
			o := emptyOptions(t, d.name)
			latest := latestSchema(t)
			for range 2 {
				if p := look(t, o); p.Schema != 0 || p.Knows != latest || int64(len(p.Pending)) != latest || p.Contracts() || !p.Fits() {
					t.Errorf("of an empty database: %+v", p)
				}
			}
			if d.name == SQLite {
				if _, err := os.Stat(o.Path); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("the plan made a file: %v", err)
				}
			}
			s := mustOpen(t, o)
			if diff := cmp.Diff(Plan{Driver: d.name, Schema: latest, Needs: 1, Knows: latest}, look(t, o)); diff != "" {
				t.Error(diff)
			}
			next := o
			next.schema = ahead(t, map[string]string{"00099_shoes.sql": expandNext})
			if diff := cmp.Diff([]Migration{{Version: 99, Name: "shoes"}}, look(t, next).Pending); diff != "" {
				t.Error(diff)
			}
			openAccount(t, s) // it is in use meanwhile
			do(t, raw(t, o), "UPDATE needs SET version = 1000")
			if p := look(t, o); p.Fits() {
				t.Errorf("a database for newer programs fits: %+v", p)
			}
			before := look(t, o)
			if done, err := Migrate(t.Context(), next, true); err != nil || done.Fits() || look(t, o).Schema != before.Schema {
				t.Errorf("a database for newer programs was changed: %+v, %v", done, err)
			}
		})
	}
	_, err := Look(t.Context(), Options{Driver: Postgres, Writer: "postgres://127.0.0.1:1/nobody?sslmode=disable"})
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v of a database that is away", err)
	}
}

// Node N goes on beside node N+1, which has added to the tables: with what it had
// open then, and after a restart.
func TestTheNextProgramMayAdd(t *testing.T) {
	for _, d := range dialects {
		t.Run(d.name, func(t *testing.T) {
			o := emptyOptions(t, d.name)
			today := mustOpen(t, o)
			a, key := openAccount(t, today)
			next := o
			next.schema = ahead(t, map[string]string{"00099_shoes.sql": expandNext})
			tomorrow := mustOpen(t, next)
			if p := look(t, o); p.Schema != 99 || !p.Fits() || len(p.Pending) != 0 {
				t.Errorf("today's program sees %+v", p)
			}
			for _, s := range []*Store{today, tomorrow, mustOpen(t, o)} {
				if found, err := s.AccountByIdentity(t.Context(), key, 0); err != nil || found.ID != a.ID {
					t.Errorf("got %+v, %v", found, err)
				}
				openAccount(t, s)
			}
			storetest.EveryVerb(t, today)
			if got := numberIn(t, raw(t, o), "SELECT count(*) FROM accounts WHERE shoe_size = 43"); got < 5 {
				t.Errorf("%d accounts have what was added", got)
			}
		})
	}
}

// What older nodes use is taken away when somebody says that they are gone, and by no
// node that happens to start.
func TestNobodyTakesAwayUnasked(t *testing.T) {
	for _, d := range dialects {
		t.Run(d.name, func(t *testing.T) {
			o := emptyOptions(t, d.name)
			today := mustOpen(t, o)
			_, key := openAccount(t, today)
			next := o
			next.schema = ahead(t, map[string]string{"00098_shoes.sql": expandNext, "00099_locale.sql": contractNext})
			mustOpen(t, next)
			if p := look(t, next); p.Schema != 98 || !p.Contracts() || len(p.Pending) != 1 || p.Pending[0].Needs != 99 {
				t.Errorf("a node that started left %+v", p)
			}
			if _, err := today.AccountByIdentity(t.Context(), key, 0); err != nil {
				t.Errorf("the node of before: %v", err)
			}
			if _, err := Migrate(t.Context(), next, false); !errors.Is(err, ErrContract) || look(t, next).Schema != 98 {
				t.Errorf("got %v, %+v", err, look(t, next))
			}
			later := o
			later.schema = ahead(t, map[string]string{"00098_shoes.sql": expandNext, "00099_locale.sql": contractNext, "00100_hats.sql": "-- +goose Up\nCREATE TABLE hats (id TEXT NOT NULL PRIMARY KEY);\n"})
			if _, err := Open(t.Context(), later); !errors.Is(err, errBehind) || errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "bongsu migrate") {
				t.Errorf("a program that needs more than what is there: %v", err)
			}
			if done, err := Migrate(t.Context(), later, true); err != nil || len(done.Pending) != 2 || look(t, later).Schema != 100 {
				t.Errorf("got %+v, %v", done, err)
			}
			mustOpen(t, later)
			if _, err := Open(t.Context(), o); !errors.Is(err, errSchema) {
				t.Errorf("the program of before opens what is not for it any more: %v", err)
			}
		})
	}
}

func TestTheSchemaIsLeftToTheCommand(t *testing.T) {
	for _, d := range dialects {
		t.Run(d.name, func(t *testing.T) {
			o := emptyOptions(t, d.name)
			o.Manual = true
			if _, err := Open(t.Context(), o); !errors.Is(err, errBehind) || errors.Is(err, store.ErrUnavailable) {
				t.Errorf("of an empty database: %v", err)
			}
			if p := look(t, o); p.Schema != 0 {
				t.Errorf("it was changed: %+v", p)
			}
			for range 2 {
				if _, err := Migrate(t.Context(), o, false); err != nil {
					t.Fatal(err)
				}
			}
			openAccount(t, mustOpen(t, o))
			o.schema = ahead(t, map[string]string{"00099_shoes.sql": expandNext})
			if _, err := Open(t.Context(), o); !errors.Is(err, errBehind) {
				t.Errorf("of one that lacks a migration: %v", err)
			}
			// One that waits for the older nodes to go hinders nobody.
			o.schema = ahead(t, map[string]string{"00099_locale.sql": contractNext})
			mustOpen(t, o)
		})
	}
}

// A migration that does not say it takes something away only adds.
func TestMigrationsOnlyAddUnlessTheySaySo(t *testing.T) {
	taking := regexp.MustCompile(`(?i)\b(DROP\s+(TABLE|COLUMN|VIEW)|RENAME|ALTER\s+COLUMN|SET\s+NOT\s+NULL|TRUNCATE)\b`)
	bare := regexp.MustCompile(`(?is)ADD\s+COLUMN\s[^;,]*`)
	for _, dialect := range []string{SQLite, Postgres} {
		files, err := fs.Sub(migrations, "migrations/"+dialect)
		if err != nil {
			t.Fatal(err)
		}
		known, err := readMigrations(files)
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range known {
			if m.Version != int64(i+1) {
				t.Errorf("%s: migration %d is the %d.", dialect, m.Version, i+1)
			}
			names, err := fs.Glob(files, "*_"+m.Name+".sql")
			if err != nil || len(names) != 1 {
				t.Fatalf("%s: %v, %v", m.Name, names, err)
			}
			text, err := fs.ReadFile(files, names[0])
			if err != nil {
				t.Fatal(err)
			}
			if m.Contract() {
				continue
			}
			up, _, _ := strings.Cut(string(text), "-- +goose Down")
			if found := taking.FindString(up); found != "" {
				t.Errorf("%s/%s only adds, it says, and there is %q", dialect, names[0], found)
			}
			for _, added := range bare.FindAllString(up, -1) {
				if upper := strings.ToUpper(added); strings.Contains(upper, "NOT NULL") && !strings.Contains(upper, "DEFAULT") {
					t.Errorf("%s/%s: a program of before cannot fill %q", dialect, names[0], added)
				}
			}
		}
	}
}
