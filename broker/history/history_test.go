package history

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/audit"
	"github.com/bongsu/bongsu/broker/store"
)

// shelf is a store of events; away fails every write.
type shelf struct {
	kept []store.AccountEvent
	away error
}

func (s *shelf) NoteEvents(_ context.Context, batch []store.AccountEvent) error {
	if s.away == nil {
		s.kept = append(s.kept, batch...)
	}
	return s.away
}

var somebody = strings.Repeat("a", 26)

func newChronicle(t *testing.T, s *shelf) *Chronicle {
	t.Helper()
	n := 0
	c, err := New(Options{Store: s, Site: "seoul", NewID: func(time.Time) (string, error) { n++; return fmt.Sprint(n), nil }})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPeopleReadOfWhatConcernsThem(t *testing.T) {
	s := &shelf{}
	c := newChronicle(t, s)
	c.Note(audit.Event{Name: audit.LoginCompleted, Account: somebody, Client: "shop", Provider: "kakao", Device: "Android Chrome", Session: "sid"})
	c.Note(audit.Event{Name: audit.LoginCompleted, Client: "shop"})            // nobody's
	c.Note(audit.Event{Name: audit.CodeMisused, Account: somebody})            // the security team's
	c.Note(audit.Event{Name: audit.LoginCompleted, Account: "not an account"}) // no id of ours
	if err := c.Flush(t.Context()); err != nil || len(s.kept) != 1 {
		t.Fatalf("kept %v, %v", s.kept, err)
	}
	if e := s.kept[0]; e.What != SignedIn || e.Site != "seoul" || e.Device != "Android Chrome" || e.SID != "sid" || e.ClientID != "shop" {
		t.Errorf("kept %+v", e)
	}
}

func TestWhatCannotBeWrittenWaitsInOrder(t *testing.T) {
	s := &shelf{away: store.ErrUnavailable}
	c := newChronicle(t, s)
	for range 3 {
		c.Note(audit.Event{Name: audit.AccountLinked, Account: somebody})
		if err := c.Flush(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Fatalf("got %v", err)
		}
	}
	s.away = nil
	if err := c.Flush(t.Context()); err != nil || len(s.kept) != 3 || s.kept[0].ID != "1" || s.kept[2].ID != "3" {
		t.Errorf("kept %v, %v", s.kept, err)
	}
}

func TestWhatTheStoreCallsWrongHoldsUpNothing(t *testing.T) {
	s := &shelf{away: store.ErrInvalid}
	c := newChronicle(t, s)
	c.Note(audit.Event{Name: audit.AccountLinked, Account: somebody})
	if err := c.Flush(t.Context()); err != nil || len(c.waiting) != 0 {
		t.Errorf("%d wait, %v", len(c.waiting), err)
	}
}
