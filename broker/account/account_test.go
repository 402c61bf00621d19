package account_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/account"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/providers"
)

// records is a store of accounts in memory that can be told to fail.
type records struct {
	mu       sync.Mutex
	accounts map[string]store.Account
	links    map[store.IdentityKey]string
	replica  map[store.IdentityKey]store.Account // what a lagging one tells first
	readOnly bool
	down     error
}

func newRecords() *records {
	return &records{accounts: map[string]store.Account{}, links: map[store.IdentityKey]string{}}
}

func (r *records) AccountByIdentity(_ context.Context, key store.IdentityKey, minEpoch int64) (store.Account, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down != nil {
		return store.Account{}, r.down
	}
	if told, knows := r.replica[key]; knows && told.Epoch >= minEpoch {
		return told, nil
	}
	found, ok := r.accounts[r.links[key]]
	if !ok {
		return store.Account{}, store.ErrNotFound
	}
	return found, nil
}

func (r *records) Account(_ context.Context, id string, _ int64) (store.Account, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down != nil {
		return store.Account{}, r.down
	}
	found, ok := r.accounts[id]
	if !ok {
		return store.Account{}, store.ErrNotFound
	}
	return found, nil
}

func (r *records) FillProfile(_ context.Context, a store.Account) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.readOnly {
		return store.ErrUnavailable
	}
	if r.down != nil {
		return r.down
	}
	r.accounts[a.ID] = a
	return nil
}

func (r *records) OpenAccount(_ context.Context, a store.Account, key store.IdentityKey) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down != nil {
		return r.down
	}
	if _, taken := r.links[key]; taken {
		return store.ErrConflict
	}
	r.accounts[a.ID], r.links[key] = a, a.ID
	return nil
}

func (r *records) Links(_ context.Context, accountID string) ([]store.Link, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var links []store.Link
	for key, owner := range r.links {
		if owner == accountID {
			links = append(links, store.Link{IdentityKey: key, AccountID: owner})
		}
	}
	return links, r.down
}

func (r *records) LinkIdentityEndSessions(_ context.Context, l store.Link, epoch int64, at time.Time) (store.Fact, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, taken := r.links[l.IdentityKey]
	switch {
	case r.down != nil:
		return store.Fact{}, r.down
	case taken:
		return store.Fact{}, store.ErrConflict
	case r.accounts[l.AccountID].Epoch != epoch:
		return store.Fact{}, store.ErrNotFound
	}
	r.links[l.IdentityKey] = l.AccountID
	return r.end(l.AccountID, at), nil
}

func (r *records) UnlinkIdentity(_ context.Context, key store.IdentityKey, accountID string, epoch int64, at time.Time) (store.Fact, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var links int
	for _, owner := range r.links {
		if owner == accountID {
			links++
		}
	}
	switch {
	case r.down != nil:
		return store.Fact{}, r.down
	case r.links[key] != accountID, r.accounts[accountID].Epoch != epoch:
		return store.Fact{}, store.ErrNotFound
	case links == 1:
		return store.Fact{}, store.ErrLast
	}
	delete(r.links, key)
	return r.end(accountID, at), nil
}

func (r *records) end(accountID string, at time.Time) store.Fact {
	a := r.accounts[accountID]
	a.Epoch++
	r.accounts[accountID] = a
	return store.Fact{Kind: store.AccountEpoch, ID: accountID, Epoch: a.Epoch, Revision: 1, At: at}
}

// facts are the negative facts known here.
type facts struct {
	disabled string
	epoch    int64
	doubted  bool // a peer says that sessions ended
	stored   bool // and that the writer knows
	applied  *[]store.Fact
}

func (f facts) Apply(_ context.Context, fact store.Fact) error {
	if f.applied != nil {
		*f.applied = append(*f.applied, fact)
	}
	return nil
}

func (f facts) Has(kind store.FactKind, id string) bool {
	return kind == store.AccountDisabled && id == f.disabled
}
func (f facts) EpochInDoubt(string) (doubted, stored bool) { return f.doubted, f.stored }
func (f facts) MinEpoch(string) int64                      { return f.epoch }

func newDirectory(t *testing.T, r *records, f facts) *account.Directory {
	t.Helper()
	d, err := account.New(account.Options{
		Records: r, Negatives: f, Salt: []byte(strings.Repeat("s", 32)), Rand: rand.Reader,
	})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return d
}

var minji = providers.Identity{Provider: "kakao", Subject: "1001", Name: "김민지", Email: "minji@example.com"}

func TestAnIdentityFindsItsAccountAndNothingElseDoes(t *testing.T) {
	d := newDirectory(t, newRecords(), facts{})
	opened, err := d.Open(t.Context(), minji)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	tests := []struct {
		name     string
		identity providers.Identity
		want     error
	}{
		{"the same provider and subject", minji, nil},
		{"another profile, same key", providers.Identity{Provider: "kakao", Subject: "1001", Email: "new@example.com"}, nil},
		{"the same subject at another provider", providers.Identity{Provider: "naver", Subject: "1001"}, account.ErrUnknown},
		{"the same e-mail, verified", providers.Identity{Provider: "naver", Subject: "n1", Email: "minji@example.com", EmailVerified: true}, account.ErrUnknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found, err := d.Resolve(t.Context(), tt.identity)
			if !errors.Is(err, tt.want) || (tt.want == nil && err != nil) {
				t.Fatalf("Resolve: %v, want %v", err, tt.want)
			}
			if tt.want == nil && found.ID != opened.ID {
				t.Errorf("found account %q, want %q", found.ID, opened.ID)
			}
		})
	}
}

func TestTheProfileOfTheFirstLoginStaysTheAccounts(t *testing.T) {
	d := newDirectory(t, newRecords(), facts{})
	if _, err := d.Open(t.Context(), minji); err != nil {
		t.Fatalf("Open: %v", err)
	}
	moved := minji
	moved.Email, moved.Name = "other@example.com", "Somebody"
	found, err := d.Resolve(t.Context(), moved)
	if err != nil {
		t.Fatalf("Resolve: %v", err)
	}
	if found.Email != minji.Email || found.Name != minji.Name {
		t.Errorf("profile is %q %q, want the account's own", found.Name, found.Email)
	}
}

func TestOpeningTwiceAtOnceGivesOneAccount(t *testing.T) {
	d := newDirectory(t, newRecords(), facts{})
	ids := make(chan string, 16)
	var opening sync.WaitGroup
	for range cap(ids) {
		opening.Go(func() {
			opened, err := d.Open(t.Context(), minji)
			if err != nil {
				t.Errorf("Open: %v", err)
			}
			ids <- opened.ID
		})
	}
	opening.Wait()
	first := <-ids
	for range cap(ids) - 1 {
		if id := <-ids; id != first {
			t.Fatalf("one identity has the accounts %q and %q", first, id)
		}
	}
}

func TestWhatCouldNotBeCheckedIsNoAnswer(t *testing.T) {
	r := newRecords()
	d := newDirectory(t, r, facts{})
	r.down = store.ErrUnavailable
	for name, call := range map[string]func() error{
		"resolve": func() error { _, err := d.Resolve(t.Context(), minji); return err },
		"open":    func() error { _, err := d.Open(t.Context(), minji); return err },
		"current": func() error { _, err := d.Current(t.Context(), "a", 1); return err },
	} {
		t.Run(name, func(t *testing.T) {
			err := call()
			if !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("error %v does not say that the store was unavailable", err)
			}
			for _, fact := range []error{account.ErrUnknown, account.ErrDisabled, account.ErrEnded} {
				if errors.Is(err, fact) {
					t.Errorf("error %v claims the fact %v", err, fact)
				}
			}
		})
	}
}

func TestSessionsEndWithTheirAccountsEpochOrRight(t *testing.T) {
	r := newRecords()
	opened, err := newDirectory(t, r, facts{}).Open(t.Context(), minji)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	disabled := opened
	disabled.ID, disabled.Disabled = "disabled", true
	r.accounts[disabled.ID] = disabled
	tests := []struct {
		name  string
		facts facts
		id    string
		epoch int64
		want  error
	}{
		{"the epoch is the account's", facts{}, opened.ID, 1, nil},
		{"the epoch is older", facts{}, opened.ID, 0, account.ErrEnded},
		{"the epoch is of no account yet", facts{}, opened.ID, 2, account.ErrEnded},
		{"a negative fact knows a higher epoch", facts{epoch: 2}, opened.ID, 1, account.ErrEnded},
		{"a negative fact disables the account", facts{disabled: opened.ID}, opened.ID, 1, account.ErrDisabled},
		{"the record is disabled", facts{}, disabled.ID, 1, account.ErrDisabled},
		{"nobody has the account", facts{}, "nobody", 1, account.ErrUnknown},
		{"a hint, and the writer says that this one began afterwards", facts{doubted: true, stored: true}, opened.ID, 1, nil},
		{"a hint, and the writer says that it has ended", facts{doubted: true, stored: true}, opened.ID, 0, account.ErrEnded},
		{"a hint of what the writer has not heard of", facts{doubted: true}, opened.ID, 1, store.ErrUnavailable},
		{"a hint, and a fact that says enough", facts{doubted: true, epoch: 2}, opened.ID, 1, account.ErrEnded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := newDirectory(t, r, tt.facts).Current(t.Context(), tt.id, tt.epoch)
			if !errors.Is(err, tt.want) || (tt.want == nil && err != nil) {
				t.Errorf("Current: %v, want %v", err, tt.want)
			}
		})
	}
}

func TestSubjects(t *testing.T) {
	d := newDirectory(t, newRecords(), facts{})
	opened, err := d.Open(t.Context(), minji)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	other, err := d.Open(t.Context(), providers.Identity{Provider: "naver", Subject: "1001"})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	public1, public2 := &client.Client{ID: "a"}, &client.Client{ID: "b"}
	sector1 := &client.Client{ID: "c", Subject: client.SubjectPairwise, Sector: "one.example"}
	sector2 := &client.Client{ID: "d", Subject: client.SubjectPairwise, Sector: "two.example"}

	if d.Subject(opened, public1) != d.Subject(opened, public2) {
		t.Error("the public subject differs between clients")
	}
	seen := map[string]string{}
	for name, subject := range map[string]string{
		"public": d.Subject(opened, public1), "sector one": d.Subject(opened, sector1),
		"sector two": d.Subject(opened, sector2), "another account": d.Subject(other, public1),
	} {
		if twin, ok := seen[subject]; ok {
			t.Errorf("%s and %s have the subject %q", name, twin, subject)
		}
		seen[subject] = name
	}
	changed := opened
	changed.Name, changed.Email, changed.Epoch = "x", "y", 7
	if d.Subject(opened, sector1) != d.Subject(changed, sector1) {
		t.Error("the subject depends on more than the seed")
	}
}

func TestClaimsFollowTheScope(t *testing.T) {
	a := store.Account{Name: "김민지", Email: "minji@example.com", Phone: "+82 10-0000-0000"}
	tests := []struct {
		name  string
		scope []string
		want  account.Claims
	}{
		{"openid alone", []string{"openid"}, account.Claims{}},
		{"e-mail", []string{"openid", "email"}, account.Claims{Email: a.Email, EmailVerified: new(bool)}},
		{"phone", []string{"openid", "phone"}, account.Claims{Phone: a.Phone, PhoneVerified: new(bool)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := account.ClaimsOf(a, tt.scope)
			if got.Name != tt.want.Name || got.Email != tt.want.Email || got.Phone != tt.want.Phone ||
				(got.EmailVerified == nil) != (tt.want.EmailVerified == nil) {
				t.Errorf("claims %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestASaltTooShortIsRefused(t *testing.T) {
	_, err := account.New(account.Options{Records: newRecords(), Negatives: facts{}, Salt: []byte("short"), Rand: rand.Reader})
	if err == nil {
		t.Error("New accepted a short salt")
	}
}
