package account_test

import (
	"errors"
	"testing"

	"github.com/bongsu/bongsu/broker/account"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/providers"
)

var (
	naver  = providers.Identity{Provider: "naver", Subject: "n-1"}
	google = providers.Identity{Provider: "google", Subject: "g-1"}
)

// twoPeople have an account each.
func twoPeople(t *testing.T) (r *records, applied *[]store.Fact, d *account.Directory, vic, mal store.Account) {
	t.Helper()
	r, applied = newRecords(), new([]store.Fact)
	d = newDirectory(t, r, facts{applied: applied})
	var err error
	if vic, err = d.Open(t.Context(), minji); err != nil {
		t.Fatal(err)
	}
	if mal, err = d.Open(t.Context(), google); err != nil {
		t.Fatal(err)
	}
	return r, applied, d, vic, mal
}

func TestALinkEndsAllSessionsHereAtOnce(t *testing.T) {
	_, applied, d, vic, _ := twoPeople(t)
	now, err := d.Link(t.Context(), vic, naver)
	if err != nil || now.ID != vic.ID || now.Epoch != vic.Epoch+1 {
		t.Fatalf("Link: %+v, %v", now, err)
	}
	if len(*applied) != 1 || (*applied)[0].Epoch != now.Epoch || (*applied)[0].ID != vic.ID {
		t.Errorf("obeyed here: %+v", *applied)
	}
	if found, err := d.Resolve(t.Context(), naver); err != nil || found.ID != vic.ID {
		t.Errorf("the new way finds %q, %v", found.ID, err)
	}
}

func TestWhyALinkIsNotMade(t *testing.T) {
	_, applied, d, vic, mal := twoPeople(t)
	old := vic
	old.Epoch = 0
	tests := []struct {
		name     string
		account  store.Account
		identity providers.Identity
		want     error
		owner    string
	}{
		{"somebody else has the identity", mal, minji, account.ErrTaken, vic.ID},
		{"the account has it", vic, minji, account.ErrLinked, vic.ID},
		{"the account's sessions ended meanwhile", old, naver, account.ErrEnded, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			owner, err := d.Link(t.Context(), tt.account, tt.identity)
			if !errors.Is(err, tt.want) || owner.ID != tt.owner {
				t.Errorf("Link: %q, %v", owner.ID, err)
			}
		})
	}
	if len(*applied) != 0 {
		t.Errorf("sessions ended: %+v", *applied)
	}
}

func TestUnlinking(t *testing.T) {
	_, applied, d, vic, _ := twoPeople(t)
	key := store.IdentityKey{Provider: minji.Provider, Subject: minji.Subject}
	if _, err := d.Unlink(t.Context(), vic, key); !errors.Is(err, account.ErrLast) {
		t.Errorf("the last one: %v", err)
	}
	vic, err := d.Link(t.Context(), vic, naver)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Unlink(t.Context(), vic, store.IdentityKey{Provider: google.Provider, Subject: google.Subject}); !errors.Is(err, account.ErrUnknown) {
		t.Errorf("somebody else's: %v", err)
	}
	now, err := d.Unlink(t.Context(), vic, key)
	if err != nil || now.Epoch != vic.Epoch+1 || len(*applied) != 2 {
		t.Fatalf("Unlink: %+v, %v, obeyed %+v", now, err, *applied)
	}
	if _, err := d.Resolve(t.Context(), minji); !errors.Is(err, account.ErrUnknown) {
		t.Errorf("the identity still finds somebody: %v", err)
	}
	if links, err := d.Links(t.Context(), vic.ID); err != nil || len(links) != 1 || links[0].Provider != "naver" {
		t.Errorf("left: %+v, %v", links, err)
	}
}

func TestNobodyKnowsWhetherItWasLinked(t *testing.T) {
	r, _, d, vic, _ := twoPeople(t)
	r.down = store.ErrUnavailable
	_, linked := d.Link(t.Context(), vic, naver)
	_, unlinked := d.Unlink(t.Context(), vic, store.IdentityKey{Provider: "kakao", Subject: "1001"})
	_, listed := d.Links(t.Context(), vic.ID)
	for name, err := range map[string]error{"link": linked, "unlink": unlinked, "links": listed} {
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
		for _, fact := range []error{account.ErrTaken, account.ErrLinked, account.ErrLast, account.ErrUnknown, account.ErrEnded} {
			if errors.Is(err, fact) {
				t.Errorf("%s claims the fact %v", name, err)
			}
		}
	}
}

// A replica that has not heard of the last end of sessions would make sessions
// that are void from the start.
func TestAReplicaThatLagsBehindIsAskedAgain(t *testing.T) {
	r, _, d, vic, _ := twoPeople(t)
	now, err := d.Link(t.Context(), vic, naver)
	if err != nil {
		t.Fatal(err)
	}
	r.replica = map[store.IdentityKey]store.Account{{Provider: "naver", Subject: naver.Subject}: vic}
	found, err := newDirectory(t, r, facts{epoch: now.Epoch}).Resolve(t.Context(), naver)
	if err != nil || found.Epoch != now.Epoch {
		t.Errorf("Resolve: epoch %d, %v", found.Epoch, err)
	}
}

// While a hint says that sessions ended, and not which, the writer is asked, and only
// what it has heard of is settled by its word.
func TestAHintThatSessionsEndedHasTheWriterAsked(t *testing.T) {
	r, _, d, vic, _ := twoPeople(t)
	now, err := d.Link(t.Context(), vic, naver)
	if err != nil {
		t.Fatal(err)
	}
	r.replica = map[store.IdentityKey]store.Account{{Provider: "naver", Subject: naver.Subject}: vic}
	found, err := newDirectory(t, r, facts{doubted: true, stored: true}).Resolve(t.Context(), naver)
	if err != nil || found.Epoch != now.Epoch {
		t.Errorf("what the writer has: epoch %d, %v", found.Epoch, err)
	}
	if _, err := newDirectory(t, r, facts{doubted: true}).Resolve(t.Context(), naver); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("what the writer has not heard of: %v, want %v", err, store.ErrUnavailable)
	}
}

// What was unlinked does not come in by a replica that still has the link, once
// it is known here that the account's sessions have ended.
func TestAReplicaThatStillHasTheLinkIsNotBelieved(t *testing.T) {
	r, _, d, vic, _ := twoPeople(t)
	now, err := d.Link(t.Context(), vic, naver)
	if err != nil {
		t.Fatal(err)
	}
	gone := store.IdentityKey{Provider: "kakao", Subject: "1001"}
	r.replica = map[store.IdentityKey]store.Account{gone: now}
	left, err := d.Unlink(t.Context(), now, gone)
	if err != nil {
		t.Fatal(err)
	}
	knowing := newDirectory(t, r, facts{epoch: left.Epoch})
	identity := providers.Identity{Provider: gone.Provider, Subject: gone.Subject}
	if found, err := knowing.Resolve(t.Context(), identity); !errors.Is(err, account.ErrUnknown) {
		t.Errorf("Resolve by what was unlinked: account %q of epoch %d, %v", found.ID, found.Epoch, err)
	}
	ahead := newDirectory(t, r, facts{epoch: left.Epoch + 1}) // a fact that the store has not heard of
	if _, err := ahead.Resolve(t.Context(), naver); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Resolve before the store has the fact: %v", err)
	}
}
