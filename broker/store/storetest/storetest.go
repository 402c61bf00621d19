package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/seal"
)

// Store is everything that is kept in one place.
type Store interface {
	store.Store
	keys.IdentityStore
	seal.Store
	Rings
}

// Rings is what a replica shows of the keys, for a node that starts while the writer
// is away.
type Rings interface {
	ReplicaSealingKeys(ctx context.Context) ([]seal.Record, error)
	ReplicaSigningKeys(ctx context.Context) ([]keys.Record, error)
	ReplicaSiteIdentities(ctx context.Context, site string) ([]keys.IdentityRecord, error)
}

// Replica is a store that asks a replica first. The replica stands still.
type Replica struct {
	Store      Store
	CatchUp    func() // the replica knows what the writer knows
	LoseWriter func() // nobody reaches the writer any more
}

// Options are the stores to test. Both are required; each call returns another,
// empty one, and closes it when t ends.
type Options struct {
	New     func(t *testing.T) Store
	Replica func(t *testing.T) Replica
}

// Run runs all tests.
func Run(t *testing.T, o Options) {
	groups := []struct {
		name string
		run  func(t *testing.T, o Options)
	}{
		{"accounts", testAccounts},
		{"accounts are disabled, enabled and signed out", testEpochs},
		{"ways are linked and unlinked", testLinks},
		{"codes are claimed", testClaims},
		{"a session knows its grants", testSessionGrants},
		{"websites are told", testLogouts},
		{"assertions are claimed", testAssertions},
		{"what an account gave", testGrantsOfAccount},
		{"people and their own accounts", testPersonal},
		{"consents", testConsents},
		{"what happened to an account", testHistories},
		{"refresh tokens are used", testRefresh},
		{"facts", testFacts},
		{"the feed has no gaps", testFeed},
		{"facts are lifted", testLifting},
		{"an account says which outage it was opened in", testOpenedDuring},
		{"outages are declared", testOutages},
		{"drills", testDrills},
		{"pins", testPins},
		{"fingerprints of instances", testFingerprints},
		{"secrets of providers", testProviderSecrets},
		{"activity and coverage", testActivity},
		{"websites are registered", testClients},
		{"accounts are found by what subjects derive from", testSeeds},
		{"beats and incarnations", testBeats},
		{"secrets", testSecrets},
		{"signing keys", testSigningKeys},
		{"site identities", testIdentities},
		{"sealing keys", testSealingKeys},
		{"of racing calls exactly one wins", testRaces},
		{"text is kept byte for byte", testText},
		{"times come back in UTC", testTimes},
		{"bounds", testBounds},
		{"a failure is not a fact", testFailures},
		{"a replica may say yes", testReplica},
		{"every verb says whose word it is", testEveryVerbIsKnown},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) { g.run(t, o) })
	}
}

// noon is when everything in these tests happens.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 123_456_000, time.UTC)

func newID(t testing.TB) string {
	t.Helper()
	made, err := id.New(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func randomBytes(t testing.TB, n int) []byte {
	t.Helper()
	made := make([]byte, n)
	if _, err := rand.Read(made); err != nil {
		t.Fatal(err)
	}
	return made
}

// newAccount returns an account that is not stored yet.
func newAccount(t testing.TB) store.Account {
	t.Helper()
	return store.Account{
		ID: newID(t), Seed: randomBytes(t, 32), Epoch: 1, Name: "민지", Email: "minji@example.com", EmailVerified: true,
		Phone: "+82 10-0000-0000", Picture: "https://img.example.com/m.png", Locale: "ko-KR",
		CreatedAt: noon, UpdatedAt: noon.Add(time.Microsecond),
	}
}

func newKey(t testing.TB) store.IdentityKey {
	t.Helper()
	return store.IdentityKey{Provider: "kakao", Subject: newID(t)}
}

// open stores a new account and returns it.
func open(t testing.TB, s Store, key store.IdentityKey) store.Account {
	t.Helper()
	a := newAccount(t)
	if err := s.OpenAccount(t.Context(), a, key); err != nil {
		t.Fatalf("OpenAccount: %v", err)
	}
	return a
}

// newGrant returns what a code of login, for account, is claimed with.
func newGrant(t testing.TB, login, account string) store.Grant {
	t.Helper()
	return store.Grant{
		ID: newID(t), LoginID: login, CodeHash: randomBytes(t, 32), AccountID: account, ClientID: "demo", SID: newID(t),
		Scope: []string{"openid", "profile", "email"}, Claims: []string{"phone_number"}, Provider: "kakao", ACR: "urn:bongsu:acr:provider",
		AMR: []string{"pwd", "otp"}, AuthTime: noon.Add(-time.Minute), CreatedAt: noon, ExpiresAt: noon.Add(time.Hour),
	}
}

func wantIs(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

func wantSame(t testing.TB, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("not what was stored (-want +got):\n%s", diff)
	}
}

func must[T any](t testing.TB) func(T, error) T {
	t.Helper()
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// race calls f from n goroutines that start together, and returns what each
// said.
func race(ctx context.Context, n int, f func(ctx context.Context, i int) error) []error {
	said := make([]error, n)
	start := make(chan struct{})
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() {
			<-start
			said[i] = f(ctx, i)
		})
	}
	close(start)
	running.Wait()
	return said
}

// winners returns who got nil, after checking that all others got lost.
func winners(t testing.TB, said []error, lost error) []int {
	t.Helper()
	var won []int
	for i, err := range said {
		switch {
		case err == nil:
			won = append(won, i)
		case !errors.Is(err, lost):
			t.Errorf("caller %d got %v, want %v", i, err, lost)
		}
	}
	return won
}
