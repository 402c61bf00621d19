package sqlstore

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/store/pgtest"
)

// Both databases wait for the disk here, as they do in production. Set TMPDIR
// to choose the disk.
var benched = []struct {
	name    string
	options func(b *testing.B) Options
}{
	{SQLite, func(b *testing.B) Options { return sqliteOptions(b) }},
	{Postgres, func(b *testing.B) Options {
		server := pgtest.Start(b, "fsync=on", "full_page_writes=on", "shared_buffers=128MB")
		return Options{Driver: Postgres, Writer: server.Database("sqlstore", migrate), Conns: 32}
	}},
}

// workers run f b.N times in all and report calls per second and the slowest
// percent.
func workers(b *testing.B, n int, f func(ctx context.Context, i int64) error) {
	b.Helper()
	var next atomic.Int64
	var running sync.WaitGroup
	var failed atomic.Pointer[error]
	took := make([]time.Duration, b.N)
	b.ResetTimer()
	for range n {
		running.Go(func() {
			for {
				i := next.Add(1) - 1
				if i >= int64(b.N) {
					return
				}
				began := time.Now()
				if err := f(context.Background(), i); err != nil {
					failed.Store(&err)
					return
				}
				took[i] = time.Since(began)
			}
		})
	}
	running.Wait()
	b.StopTimer()
	if err := failed.Load(); err != nil {
		b.Fatal(*err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
	b.ReportMetric(float64(percentile(took, 99).Microseconds()), "p99-µs")
}

func BenchmarkClaimCode(b *testing.B) {
	for _, d := range benched {
		b.Run(d.name, func(b *testing.B) {
			s := mustOpen(b, d.options(b))
			for _, n := range []int{1, 8, 32, 128} {
				b.Run(strconv.Itoa(n), func(b *testing.B) {
					grants := make([]store.Grant, b.N)
					for i := range grants {
						grants[i] = newGrant(b)
						grants[i].LoginID = datedID(b) // as logins are named
					}
					workers(b, n, func(ctx context.Context, i int64) error {
						_, err := s.ClaimCode(ctx, grants[i])
						return err
					})
				})
			}
		})
	}
}

func BenchmarkAccountByIdentity(b *testing.B) {
	const people = 20_000
	for _, d := range benched {
		b.Run(d.name, func(b *testing.B) {
			o := d.options(b)
			o.Timeout = 10 * time.Minute // to populate, on a busy machine
			s := mustOpen(b, o)
			populate(b, s, people)
			for _, n := range []int{1, 8, 32} {
				b.Run(strconv.Itoa(n), func(b *testing.B) {
					workers(b, n, func(ctx context.Context, i int64) error {
						_, err := s.AccountByIdentity(ctx, person(i*7919%people), 0)
						return err
					})
				})
			}
		})
	}
}

// What userinfo and introspection ask about a token they have not seen lately.
func BenchmarkGrantedAccount(b *testing.B) {
	const grants = 5_000
	for _, d := range benched {
		b.Run(d.name, func(b *testing.B) {
			o := d.options(b)
			o.Timeout = 10 * time.Minute // to populate, on a busy machine
			s := mustOpen(b, o)
			populate(b, s, 100)
			all := make([]store.Grant, grants)
			for i := range all {
				of, err := s.AccountByIdentity(b.Context(), person(int64(i%100)), 0)
				if err != nil {
					b.Fatal(err)
				}
				all[i] = newGrant(b)
				all[i].LoginID, all[i].AccountID = datedID(b), of.ID
			}
			claimAll(b, s, all)
			for _, n := range []int{1, 8} {
				b.Run(strconv.Itoa(n), func(b *testing.B) {
					workers(b, n, func(ctx context.Context, i int64) error {
						_, _, err := s.GrantedAccount(ctx, all[i*7919%grants].ID)
						return err
					})
				})
			}
		})
	}
}

func claimAll(b *testing.B, s *Store, grants []store.Grant) {
	b.Helper()
	var claiming sync.WaitGroup
	for part := range slices.Chunk(grants, 100) {
		claiming.Go(func() {
			for _, g := range part {
				if _, err := s.ClaimCode(b.Context(), g); err != nil {
					b.Error(err)
				}
			}
		})
	}
	claiming.Wait()
}

func datedID(b *testing.B) string {
	b.Helper()
	made, err := id.Dated(time.Now(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	return made
}

func person(i int64) store.IdentityKey {
	return store.IdentityKey{Provider: "kakao", Subject: fmt.Sprintf("person-%d", i)}
}

func populate(b *testing.B, s *Store, people int64) {
	b.Helper()
	err := s.writer.transact(b.Context(), once, func(ctx context.Context, q session) error {
		for i := range people {
			a := newID(b)
			if _, err := q.exec(ctx, insertAccount, a, make([]byte, seedSize), 1, false, "민지", a+"@example.com", true, "",
				false, "https://img.example.com/"+a, "ko", "", micros(noon), micros(noon)); err != nil {
				return err
			}
			key := person(i)
			if _, err := q.exec(ctx, insertLink, key.Provider, key.Subject, a, micros(noon)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

func percentile(took []time.Duration, p int) time.Duration {
	slices.Sort(took)
	return took[(len(took)-1)*p/100]
}

// A beat is written every second, whether anybody logs in or not.
func BenchmarkBeat(b *testing.B) {
	for _, d := range dialects {
		b.Run(d.name, func(b *testing.B) {
			s := mustOpen(b, d.options(b))
			b.ResetTimer()
			for b.Loop() {
				if _, err := s.WriteBeat(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
