package zz

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"modernc.org/sqlite"
)

const ddl1 = `CREATE TABLE grants (login_id TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE, code_hash BLOB NOT NULL, account_id TEXT NOT NULL, client_id TEXT NOT NULL, sid TEXT NOT NULL, scope TEXT NOT NULL, provider TEXT NOT NULL, acr TEXT NOT NULL, amr TEXT NOT NULL, auth_time INTEGER NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID`
const ddl2 = `CREATE TABLE grants (id TEXT PRIMARY KEY, login_id TEXT NOT NULL UNIQUE,  code_hash BLOB NOT NULL, account_id TEXT NOT NULL, client_id TEXT NOT NULL, sid TEXT NOT NULL, scope TEXT NOT NULL, provider TEXT NOT NULL, acr TEXT NOT NULL, amr TEXT NOT NULL, auth_time INTEGER NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL) STRICT`
const ins = `INSERT INTO grants (login_id,id,code_hash,account_id,client_id,sid,scope,provider,acr,amr,auth_time,created_at,expires_at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13) ON CONFLICT (login_id) DO UPDATE SET login_id = excluded.login_id WHERE grants.id = excluded.id`

func rid() string { var b [13]byte; rand.Read(b[:]); return hex.EncodeToString(b[:]) }

type op struct {
	args []any
	done chan error
}

func run(b *testing.B, ddl string, raw bool, workers int, extra string, idx bool) {
	ctx := context.Background()
	path := b.TempDir() + "/x.db"
	c, _ := sqlite.NewConnector("file:" + path + "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=busy_timeout(1000)" + extra)
	db := sql.OpenDB(c)
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(ddl); err != nil {
		b.Fatal(err)
	}
	if idx {
		db.Exec(`CREATE INDEX grants_expiry ON grants (expires_at)`)
	}
	ch := make(chan *op, 1024)
	var begin, insert, commit func(args []any) error
	if raw {
		rc, err := c.Connect(ctx)
		if err != nil {
			b.Fatal(err)
		}
		defer rc.Close()
		mk := func(q string) func(args []any) error {
			st, err := rc.(driver.ConnPrepareContext).PrepareContext(ctx, q)
			if err != nil {
				b.Fatal(err)
			}
			ex := st.(driver.StmtExecContext)
			nv := make([]driver.NamedValue, 0, 16)
			return func(args []any) error {
				nv = nv[:0]
				for i, a := range args {
					nv = append(nv, driver.NamedValue{Ordinal: i + 1, Value: a})
				}
				_, err := ex.ExecContext(ctx, nv)
				return err
			}
		}
		begin, insert, commit = mk("BEGIN IMMEDIATE"), mk(ins), mk("COMMIT")
	} else {
		conn, _ := db.Conn(ctx)
		defer conn.Close()
		mk := func(q string) func(args []any) error {
			st, err := conn.PrepareContext(ctx, q)
			if err != nil {
				b.Fatal(err)
			}
			return func(args []any) error { _, err := st.ExecContext(ctx, args...); return err }
		}
		begin, insert, commit = mk("BEGIN IMMEDIATE"), mk(ins), mk("COMMIT")
	}
	batches := 0
	quit := make(chan struct{})
	go func() {
		defer close(quit)
		for o := range ch {
			batch := []*op{o}
			if err := begin(nil); err != nil {
				panic(err)
			}
			err := insert(o.args)
			if err != nil {
				panic(err)
			}
		more:
			for len(batch) < 256 {
				select {
				case o := <-ch:
					if o == nil {
						break more
					}
					if err := insert(o.args); err != nil {
						panic(err)
					}
					batch = append(batch, o)
				default:
					break more
				}
			}
			if err := commit(nil); err != nil {
				panic(err)
			}
			batches++
			for _, o := range batch {
				o.done <- nil
			}
		}
	}()
	hash := make([]byte, 32)
	b.ReportAllocs()
	b.ResetTimer()
	start := time.Now()
	var n atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for n.Add(1) <= int64(b.N) {
				now := time.Now().UnixMicro()
				o := &op{args: []any{rid(), rid(), hash, "abcdefghijklmnopqrstuvwxyz", "demo-client", rid(), "openid profile email", "kakao", "urn:bongsu:acr:provider", "pwd", now, now, now + 1e9}, done: make(chan error, 1)}
				ch <- o
				<-o.done
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "commits/s")
	b.ReportMetric(float64(b.N)/float64(batches), "ops/tx")
	close(ch)
	<-quit
}

func BenchmarkClaim(b *testing.B) {
	for _, w := range []int{1, 8, 32, 128} {
		for _, raw := range []bool{false, true} {
			b.Run(fmt.Sprintf("norowid/raw=%v/%d", raw, w), func(b *testing.B) { run(b, ddl1, raw, w, "", true) })
		}
	}
	b.Run("norowid-noidx/32", func(b *testing.B) { run(b, ddl1, true, 32, "", false) })
	b.Run("rowid/32", func(b *testing.B) { run(b, ddl2, true, 32, "", true) })
	b.Run("norowid ckpt4000/32", func(b *testing.B) { run(b, ddl1, true, 32, "&_pragma=wal_autocheckpoint(4000)", true) })
	b.Run("norowid cache/32", func(b *testing.B) { run(b, ddl1, true, 32, "&_pragma=cache_size(-64000)", true) })
	b.Run("norowid cache ckpt/32", func(b *testing.B) { run(b, ddl1, true, 32, "&_pragma=cache_size(-64000)&_pragma=wal_autocheckpoint(10000)", true) })
	b.Run("norowid page8k/32", func(b *testing.B) { run(b, ddl1, true, 32, "&_pragma=page_size(8192)", true) })
	b.Run("norowid mmap/32", func(b *testing.B) { run(b, ddl1, true, 32, "&_pragma=mmap_size(268435456)&_pragma=cache_size(-64000)", true) })
}
