package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/store/sqlstore"
)

// population is a store full of people: each has links to the first providers.
type population struct{ accounts, links int }

// providersOfAll are what people are linked to, in this order.
var providersOfAll = []string{"kakao", "naver", "google", "apple", "line"}

func (p population) accountID(n int) string    { return word("account", n)[:26] }
func (p population) subject(n, way int) string { return word(providersOfAll[way], n)[:20] }

// word is a random-looking text of lower-case letters and digits, the same for
// the same number: random keys meet indexes at their worst.
func word(kind string, n int) string {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(kind), uint64(n)))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:]))
}

// The rows, in the order of columns.
const (
	accountColumns = "id, seed, epoch, disabled, name, email, email_verified, phone, phone_verified, picture, locale, created_at, updated_at"
	linkColumns    = "provider, subject, account_id, created_at"
)

func (p population) account(n int) []any {
	seed, id := sha256.Sum256([]byte(word("seed", n))), p.accountID(n)
	at := int64(1_700_000_000_000_000) + int64(n)
	return []any{
		id, seed[:], int64(0), false, "Kim " + id[:8], id[:12] + "@mail.example", true, "+8210" + id[:8], false,
		"https://img.example/" + id + ".png", "ko", at, at,
	}
}

func (p population) link(n int) []any {
	person, way := n/p.links, n%p.links
	return []any{providersOfAll[way], p.subject(person, way), p.accountID(person), int64(1_700_000_000_000_000)}
}

// measureVolume fills each store with a population and looks people up.
func measureVolume(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("volume", flag.ContinueOnError)
	accounts := flags.Int("accounts", 1_000_000, "people")
	links := flags.Int("links", 2, "ways in of each, 1 to 5")
	each := flags.Duration("for", 10*time.Second, "how long look-ups are measured")
	stores := flags.String("store", "sqlite,postgres", "stores to measure")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *accounts < 1 || *links < 1 || *links > len(providersOfAll) {
		return errors.New("-accounts must be positive and -links 1 to 5")
	}
	for name := range strings.SplitSeq(*stores, ",") {
		if err := volumeOf(ctx, name, population{*accounts, *links}, *each); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func volumeOf(ctx context.Context, name string, p population, each time.Duration) (err error) {
	dir, err := os.MkdirTemp("", "bongsu-volume-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	o := sqlstore.Options{Driver: sqlstore.SQLite, Path: filepath.Join(dir, "bongsu.db")}
	size := func(context.Context) (int64, error) { return fileSize(o.Path) }
	fill := func(ctx context.Context) error { return fillSQLite(ctx, o.Path, p) }
	if name == "postgres" {
		d, err := startPostgres(ctx, dir, "pg")
		if err != nil {
			return err
		}
		defer d.stop()
		o = sqlstore.Options{Driver: sqlstore.Postgres, Writer: d.dsn}
		size = d.size
		fill = func(ctx context.Context) error { return fillPostgres(ctx, d.dsn, p) }
	}
	opened, err := sqlstore.Open(ctx, o) // makes the schema
	if err != nil {
		return err
	}
	began := time.Now()
	if err := fill(ctx); err != nil {
		return errors.Join(err, opened.Close())
	}
	filled := time.Since(began)
	bytes, err := size(ctx)
	if err == nil {
		fmt.Printf("\n%s: %d accounts, %d links in %s; %.0f MiB on disk, %d bytes a person\n", name, p.accounts, p.accounts*p.links,
			filled.Round(time.Second), float64(bytes)/(1<<20), bytes/int64(p.accounts))
		fmt.Printf("%-20s %3s %8s %8s %8s %6s\n", "", "n", "per s", "p50", "p99", "errors")
		err = lookUp(ctx, opened, p, each)
	}
	return errors.Join(err, opened.Close())
}

// lookUp asks for known and unknown identities, as logins do.
func lookUp(ctx context.Context, s store.Store, p population, each time.Duration) error {
	for _, kind := range []struct {
		name string
		ask  func(r *rand.Rand) error
	}{
		{"known identity", func(r *rand.Rand) error {
			n, way := r.IntN(p.accounts), r.IntN(p.links)
			a, err := s.AccountByIdentity(ctx, store.IdentityKey{Provider: providersOfAll[way], Subject: p.subject(n, way)}, 0)
			if err == nil && a.ID != p.accountID(n) {
				return errors.New("the wrong account")
			}
			return err
		}},
		{"unknown identity", func(r *rand.Rand) error {
			_, err := s.AccountByIdentity(ctx, store.IdentityKey{Provider: "kakao", Subject: fmt.Sprint("nobody", r.Uint64())}, 0)
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			return errors.Join(errors.New("somebody who is not there was found"), err)
		}},
		{"ways of an account", func(r *rand.Rand) error {
			found, err := s.Links(ctx, p.accountID(r.IntN(p.accounts)))
			if err == nil && len(found) != p.links {
				return errors.New("not all ways were found")
			}
			return err
		}},
	} {
		for _, n := range []int{1, 8} {
			if err := printLookUps(kind.name, n, each, kind.ask); err != nil {
				return err
			}
		}
	}
	return nil
}

func printLookUps(name string, workers int, each time.Duration, ask func(*rand.Rand) error) error {
	var mu sync.Mutex
	var took []time.Duration
	var failed []error
	var working sync.WaitGroup
	began := time.Now()
	for w := range workers {
		working.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), uint64(workers)))
			var mine []time.Duration
			var wrong []error
			for time.Since(began) < each {
				at := time.Now()
				if err := ask(r); err != nil {
					wrong = append(wrong, err)
				}
				mine = append(mine, time.Since(at))
			}
			mu.Lock()
			defer mu.Unlock()
			took, failed = append(took, mine...), append(failed, wrong...)
		})
	}
	working.Wait()
	slices.Sort(took)
	fmt.Printf("%-20s %3d %8.0f %8s %8s %6d\n", name, workers, float64(len(took))/time.Since(began).Seconds(),
		took[len(took)/2].Round(time.Microsecond), took[len(took)*99/100].Round(time.Microsecond), len(failed))
	if len(failed) > 0 {
		return fmt.Errorf("%s: %w", name, failed[0])
	}
	return nil
}

// atOnce is how many rows become one transaction of SQLite: its log holds no more.
const atOnce = 200_000

func fillSQLite(ctx context.Context, path string, p population) (err error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&_pragma=synchronous(off)&_pragma=cache_size(-1048576)")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, table := range p.tables() {
		for from := 0; from < table.rows; from += atOnce {
			if err := table.insert(ctx, db, from, min(from+atOnce, table.rows)); err != nil {
				return fmt.Errorf("%s: %w", table.name, err)
			}
		}
	}
	_, err = db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	return err
}

// table is what a population fills.
type table struct {
	name, columns string
	rows          int
	row           func(n int) []any
}

func (p population) tables() []table {
	return []table{{"accounts", accountColumns, p.accounts, p.account}, {"links", linkColumns, p.accounts * p.links, p.link}}
}

// insert writes some rows in one transaction.
func (t table) insert(ctx context.Context, db *sql.DB, from, to int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	marks := strings.TrimSuffix(strings.Repeat("?, ", strings.Count(t.columns, ",")+1), ", ")
	insert, err := tx.PrepareContext(ctx, "INSERT INTO "+t.name+" ("+t.columns+") VALUES ("+marks+")")
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	defer func() { _ = insert.Close() }() // it ends with its transaction
	for n := from; n < to; n++ {
		if _, err := insert.ExecContext(ctx, t.row(n)...); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}

func fillPostgres(ctx context.Context, dsn string, p population) (err error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	for _, table := range p.tables() {
		rows := pgx.CopyFromSlice(table.rows, func(n int) ([]any, error) { return table.row(n), nil })
		if _, err := conn.CopyFrom(ctx, pgx.Identifier{table.name}, strings.Split(table.columns, ", "), rows); err != nil {
			return err
		}
	}
	_, err = conn.Exec(ctx, "VACUUM ANALYZE")
	return err
}

func fileSize(path string) (int64, error) {
	found, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return found.Size(), nil
}
