package sqlstore

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/store/sqlstore/sqltrace"
	"github.com/bongsu/bongsu/keys"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newID(t testing.TB) string {
	t.Helper()
	made, err := id.New(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func newGrant(t testing.TB) store.Grant {
	t.Helper()
	hash := sha256.Sum256([]byte(newID(t)))
	return store.Grant{
		ID: newID(t), LoginID: newID(t), CodeHash: hash[:], AccountID: newID(t), ClientID: "demo", SID: newID(t),
		Scope: []string{"openid", "profile", "email"}, Provider: "kakao", ACR: "urn:bongsu:acr:provider",
		AuthTime: noon, CreatedAt: noon, ExpiresAt: noon.Add(time.Hour),
	}
}

func openAccount(t testing.TB, s *Store) (store.Account, store.IdentityKey) {
	t.Helper()
	a := store.Account{ID: newID(t), Seed: make([]byte, seedSize), Epoch: 1, Name: "민지", CreatedAt: noon, UpdatedAt: noon}
	key := store.IdentityKey{Provider: "kakao", Subject: newID(t)}
	if err := s.OpenAccount(context.WithoutCancel(t.Context()), a, key); err != nil {
		t.Fatal(err)
	}
	return a, key
}

// traced opens a store whose statements are seen.
func traced(t testing.TB, o Options) (*Store, *sqltrace.Tracer) {
	t.Helper()
	tracer := &sqltrace.Tracer{}
	o.Connector = tracer.Wrap
	return mustOpen(t, o), tracer
}

// What a verb costs is a promise: a login of a known person is one read and one
// commit.
func TestCost(t *testing.T) {
	for _, d := range dialects {
		t.Run(d.name, func(t *testing.T) {
			s, tracer := traced(t, d.options(t))
			a, key := openAccount(t, s)
			g := newGrant(t)
			tests := []struct {
				name string
				call func(ctx context.Context) error
				want sqltrace.Counts
			}{
				{"finding a known person is one read", func(ctx context.Context) error {
					_, err := s.AccountByIdentity(ctx, key, 0)
					return err
				}, sqltrace.Counts{Reads: 1}},
				{"claiming a code is one write and one commit", func(ctx context.Context) error {
					_, err := s.ClaimCode(ctx, g)
					return err
				}, sqltrace.Counts{Writes: 1, Commits: 1}},
				{"claiming it again, by the same attempt, is no more", func(ctx context.Context) error {
					_, err := s.ClaimCode(ctx, g)
					return err
				}, sqltrace.Counts{Writes: 1, Commits: 1}},
				{"a current account is one read", func(ctx context.Context) error {
					_, err := s.Account(ctx, a.ID, 1)
					return err
				}, sqltrace.Counts{Reads: 1}},
				{"opening an account is one commit", func(ctx context.Context) error {
					fresh := a
					fresh.ID = newID(t)
					return s.OpenAccount(ctx, fresh, store.IdentityKey{Provider: "naver", Subject: "1"})
				}, sqltrace.Counts{Writes: 2, Commits: 1}},
				{"the feed is one read", func(ctx context.Context) error {
					_, err := s.FactsSince(ctx, 0, 10)
					return err
				}, sqltrace.Counts{Reads: 1}},
				{"disabling an account is one commit", func(ctx context.Context) error {
					_, err := s.DisableAccount(ctx, a.ID, noon)
					return err
				}, sqltrace.Counts{Reads: 2, Writes: 3, Commits: 1}},
			}
			for _, tt := range tests {
				t.Run(tt.name, func(t *testing.T) {
					before := tracer.Counts()
					if err := tt.call(t.Context()); err != nil {
						t.Fatal(err)
					}
					if got := tracer.Counts().Since(before); got != tt.want {
						t.Errorf("got %+v, want %+v", got, tt.want)
					}
				})
			}
		})
	}
}

// A connection that is lost between a claim and its answer leaves nobody knowing.
// Claiming again with the same grant settles it, once a write that follows is committed.
func TestUnknownOutcomeIsSettledByWritingAgain(t *testing.T) {
	s, tracer := traced(t, postgresOptions(t))
	lose := func(times int) {
		tracer.After(func(statement string) error {
			if strings.HasPrefix(statement, "INSERT INTO grants") && times > 0 {
				times--
				return io.ErrUnexpectedEOF
			}
			return nil
		})
	}
	t.Run("the same call", func(t *testing.T) {
		lose(2)
		g := newGrant(t)
		before := tracer.Counts()
		if got, err := s.ClaimCode(t.Context(), g); err != nil || got != g.ID {
			t.Fatalf("got %q, %v", got, err)
		}
		if got := tracer.Counts().Since(before); got.Writes != 4 || got.Reads != 0 {
			t.Errorf("took %+v, want three writes, one that follows them, and no read", got)
		}
	})
	t.Run("the next call", func(t *testing.T) {
		lose(1 << 30)
		g := newGrant(t)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := s.ClaimCode(ctx, g)
		wantUnavailable(t, err)
		lose(0)
		if got, err := s.ClaimCode(t.Context(), g); err != nil || got != g.ID {
			t.Fatalf("got %q, %v", got, err)
		}
		other := newGrant(t)
		other.LoginID, other.CodeHash = g.LoginID, g.CodeHash
		if first, err := s.ClaimCode(t.Context(), other); !errors.Is(err, store.ErrReplayed) || first != g.ID {
			t.Errorf("a replay got %q, %v", first, err)
		}
	})
}

// What a second time would do twice, or would be told something else, is not
// done a second time.
func TestUnknownOutcomeThatIsNotSettled(t *testing.T) {
	s, tracer := traced(t, postgresOptions(t))
	a, _ := openAccount(t, s)
	r := keys.Record{
		KeyID: "seoul-1", Site: "seoul", Algorithm: keys.ES256, Generation: 1, State: keys.Staged,
		Public: []byte("p"), Wrapped: []byte("w"), Manifest: []byte("m"), CreatedAt: noon,
	}
	if _, err := s.InsertSigningKey(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		call func(ctx context.Context) error
	}{
		{"a link", func(ctx context.Context) error {
			key := store.IdentityKey{Provider: "naver", Subject: "1"}
			return s.LinkIdentity(ctx, store.Link{IdentityKey: key, AccountID: a.ID, CreatedAt: noon})
		}},
		{"the end of sessions", func(ctx context.Context) error {
			_, err := s.EndSessions(ctx, a.ID, noon)
			return err
		}},
		{"a step of a key", func(ctx context.Context) error {
			return s.AdvanceSigningKey(ctx, r.KeyID, keys.Staged, keys.Published, noon, []byte("m2"))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tracer.After(func(statement string) error {
				if statement == "COMMIT" || strings.HasPrefix(statement, "INSERT INTO links") || strings.HasPrefix(statement, "UPDATE signing") {
					return io.ErrUnexpectedEOF
				}
				return nil
			})
			before := tracer.Counts()
			wantUnavailable(t, tt.call(t.Context()))
			if got := tracer.Counts().Since(before); got.Commits != 1 {
				t.Errorf("committed %d times", got.Commits)
			}
			tracer.After(nil)
		})
	}
	if now, err := s.Account(t.Context(), a.ID, 0); err != nil || now.Epoch != 2 {
		t.Errorf("the epoch is %d (%v), want 2", now.Epoch, err)
	}
}

func TestWhatTheDriverSays(t *testing.T) {
	said := func(code string) error { return &pgconn.PgError{Severity: "ERROR", Code: code, Message: "said so"} }
	tests := []struct {
		name   string
		err    error
		link   error // what linking an identity ends with
		claims int   // how often a claim is tried, if the first time fails so
	}{
		{"taken", said("23505"), store.ErrConflict, 2},
		{"no such account", said("23503"), store.ErrNotFound, 1},
		{"a serialization failure", said("40001"), store.ErrConflict, 2},
		{"a deadlock", said("40P01"), store.ErrConflict, 2},
		{"the disk is full", said("53100"), store.ErrUnavailable, 1},
		{"too little memory", said("53200"), store.ErrUnavailable, 1},
		{"a statement timeout", said("57014"), store.ErrUnavailable, 1},
		{"an operator shut it down", said("57P01"), store.ErrUnavailable, 2},
		{"a crash", said("57P02"), store.ErrUnavailable, 2},
		{"a broken connection", said("08006"), store.ErrUnavailable, 2},
		{"read-only", said("25006"), store.ErrUnavailable, 2},
		{"a missing table", said("42P01"), store.ErrUnavailable, 1},
		{"the connection was closed", io.EOF, store.ErrUnavailable, 2},
		{"nothing was sent", driver.ErrBadConn, store.ErrUnavailable, 2},
		{"something else", errors.New("driver: something else"), store.ErrUnavailable, 2},
	}
	s, tracer := traced(t, postgresOptions(t))
	a, _ := openAccount(t, s)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tracer.Before(func(string) error { return tt.err })
			link := store.Link{IdentityKey: store.IdentityKey{Provider: "kakao", Subject: newID(t)}, AccountID: a.ID}
			if err := s.LinkIdentity(t.Context(), link); !errors.Is(err, tt.link) {
				t.Errorf("linking ends with %v, want %v", err, tt.link)
			}
			tried := 0
			tracer.Before(func(statement string) error {
				if !strings.HasPrefix(statement, "INSERT INTO grants") {
					return nil // what settles an unknown outcome
				}
				tried++
				// database/sql repeats a bad connection by itself, three times.
				if tried == 1 || errors.Is(tt.err, driver.ErrBadConn) && tried <= 3 {
					return tt.err
				}
				return nil
			})
			_, err := s.ClaimCode(t.Context(), newGrant(t))
			if errors.Is(tt.err, driver.ErrBadConn) {
				tried -= 2
			}
			if tried != tt.claims || (err == nil) != (tt.claims == 2) {
				t.Errorf("the claim was tried %d times, want %d; it ends with %v", tried, tt.claims, err)
			}
			tracer.Before(nil)
		})
	}
}

func wantUnavailable(t testing.TB, err error) {
	t.Helper()
	if !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("got %v, want %v", err, store.ErrUnavailable)
	}
	for _, k := range known {
		if !errors.Is(k, store.ErrUnavailable) && errors.Is(err, k) {
			t.Errorf("a failure is taken for the fact %q: %v", k, err)
		}
	}
}
