package roster

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/broker/store/sqlstore"
)

var noon = time.Date(2027, 3, 1, 12, 30, 0, 0, time.UTC)

// cuttable is a real store that can be cut off.
type cuttable struct {
	*sqlstore.Store

	cut bool
}

func (c *cuttable) ClientsRevision(ctx context.Context) (int64, error) {
	if c.cut {
		return 0, store.ErrUnavailable
	}
	return c.Store.ClientsRevision(ctx)
}

func (c *cuttable) NoteSecretUses(ctx context.Context, batch []store.SecretUse) error {
	if c.cut {
		return store.ErrUnavailable
	}
	return c.Store.NoteSecretUses(ctx, batch)
}

// house is a directory with a roster and a real store behind it.
type house struct {
	t         *testing.T
	now       time.Time
	store     *cuttable
	directory *client.Directory
	roster    *Roster
}

func newHouse(t *testing.T) *house {
	t.Helper()
	opened, err := sqlstore.Open(t.Context(), sqlstore.Options{Driver: sqlstore.SQLite, Path: filepath.Join(t.TempDir(), "bongsu.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	h := &house{t: t, now: noon, store: &cuttable{Store: opened}, directory: client.NewDirectory()}
	h.roster, err = New(Options{
		Store: h.store, Directory: h.directory, Read: read, Now: func() time.Time { return h.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// read knows registrations of an id, a name and one redirect URI.
func read(document []byte, hashes [][32]byte) (*client.Client, error) {
	var c client.Client
	if err := json.Unmarshal(document, &c); err != nil {
		return nil, err
	}
	c.SecretHashes = hashes
	return &c, nil
}

func (h *house) add(id string) store.Client {
	h.t.Helper()
	document, err := json.Marshal(client.Client{ID: id, Name: id, RedirectURIs: []string{"https://" + id + ".example/"}})
	if err != nil {
		h.t.Fatal(err)
	}
	hash := client.HashSecret(id)
	c := store.Client{
		ID: id, Document: document, By: "ops", CreatedAt: noon, UpdatedAt: noon,
		Secrets: []store.ClientSecret{{Hash: hash[:], By: "ops", CreatedAt: noon}},
	}
	h.put(c)
	return c
}

func (h *house) put(c store.Client) {
	h.t.Helper()
	if err := h.store.AddClient(h.t.Context(), c); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) refresh() {
	h.t.Helper()
	if err := h.roster.Refresh(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) knows(id string) bool {
	_, ok := h.directory.Client(id)
	return ok
}

func TestWhatIsRegisteredIsKnownAfterTheNextLook(t *testing.T) {
	h := newHouse(t)
	c := h.add("shop")
	if h.knows("shop") {
		t.Fatal("it is known before anybody looked")
	}
	h.refresh()
	known, ok := h.directory.Client("shop")
	if !ok || !known.CheckSecret("shop") || known.CheckSecret("other") {
		t.Fatalf("the client is %+v", known)
	}
	if got, ok := h.roster.Stored("shop"); !ok || got.By != "ops" || len(h.roster.All()) != 1 {
		t.Errorf("the roster holds %+v", got)
	}
	if err := h.store.RemoveClient(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	h.refresh()
	if h.knows("shop") {
		t.Error("a client that was removed is known")
	}
}

func TestWhileTheStoreIsAwayNobodyIsUnknown(t *testing.T) {
	h := newHouse(t)
	h.add("shop")
	if err := h.roster.Complete(); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("before the first look: %v", err)
	}
	h.refresh()
	if err := h.roster.Complete(); err != nil {
		t.Error(err)
	}
	h.store.cut = true
	if err := h.roster.Refresh(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Refresh: %v", err)
	}
	if err := h.roster.Complete(); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("without the store: %v", err)
	}
	if !h.knows("shop") {
		t.Error("what was read before is forgotten")
	}
	h.store.cut = false
	h.refresh()
	if err := h.roster.Complete(); err != nil {
		t.Error(err)
	}
}

func TestARegistrationThatCannotBeReadIsLeftOutAlone(t *testing.T) {
	h := newHouse(t)
	h.add("good")
	broken, other := h.add("broken"), h.add("other")
	if err := h.directory.SetFile([]*client.Client{{ID: "other", Name: "of the file", Public: true, RedirectURIs: []string{"https://a.example/"}}}); err != nil {
		t.Fatal(err)
	}
	next := broken
	next.Document, next.UpdatedAt = []byte(`not JSON`), noon.Add(time.Second)
	if err := h.store.ReplaceClient(t.Context(), next, broken.UpdatedAt); err != nil {
		t.Fatal(err)
	}
	disguised := other
	disguised.ID = "disguised"
	disguised.Secrets = nil
	h.put(disguised)
	h.refresh()
	if !h.knows("good") || h.knows("broken") || h.knows("disguised") {
		t.Errorf("known are %v", h.directory.All())
	}
	if c, _ := h.directory.Client("other"); c.Name != "of the file" {
		t.Errorf("the store shadows the file: %+v", c)
	}
	left := h.roster.current.Load().left
	for _, says := range []string{`"broken"`, `"disguised": it is registered under another id`, `"other": the id is used twice`} {
		if !strings.Contains(left, says) {
			t.Errorf("does not say %s: %s", says, left)
		}
	}
}

func TestAUseIsWrittenOnceAnHour(t *testing.T) {
	h := newHouse(t)
	c := h.add("shop")
	hash := client.HashSecret("shop")
	hours := func() []int64 {
		t.Helper()
		uses, err := h.store.SecretUses(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		var hours []int64
		for _, u := range uses {
			hours = append(hours, u.Hour)
		}
		return hours
	}
	for range 3 {
		h.roster.Used("shop", hash)
	}
	if n := len(h.roster.uses.waiting); n != 1 {
		t.Errorf("%d uses wait", n)
	}
	h.store.cut = true
	if err := h.roster.Write(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Write: %v", err)
	}
	h.store.cut = false
	if err := h.roster.Write(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := hours(); len(got) != 1 || got[0] != HourOf(noon) {
		t.Errorf("hours %v", got)
	}
	h.now = noon.Add(time.Hour)
	h.roster.Used("shop", hash)
	if err := h.roster.Write(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := hours(); len(got) != 1 || got[0] != HourOf(noon)+1 {
		t.Errorf("an hour later, hours %v", got)
	}
}

func TestUsesThatWaitAreBounded(t *testing.T) {
	h := newHouse(t)
	for i := range 2 * maxUses {
		var hash [32]byte
		hash[0], hash[1], hash[2] = byte(i), byte(i>>8), byte(i>>16)
		h.roster.Used("shop", hash)
	}
	if n := len(h.roster.uses.waiting); n != maxUses {
		t.Errorf("%d uses wait", n)
	}
	if n := len(h.roster.uses.noted); n > maxUses {
		t.Errorf("%d uses are remembered", n)
	}
}

// scripted is a store whose revision grows with every question.
type scripted struct {
	revision int64
	uses     []store.SecretUse
}

func (s *scripted) ClientsRevision(context.Context) (int64, error) {
	s.revision++
	return s.revision, nil
}

func (s *scripted) Clients(context.Context) ([]store.Client, int64, error) {
	document, err := json.Marshal(client.Client{ID: "shop", Name: "Shop", Public: true, RedirectURIs: []string{"https://shop.example/"}})
	return []store.Client{{ID: "shop", Document: document}}, s.revision, err
}

func (s *scripted) NoteSecretUses(_ context.Context, batch []store.SecretUse) error {
	s.uses = append(s.uses, batch...)
	return nil
}

func TestRunLooksEverySecondAndWritesWhatWaitsWhenItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept, directory := &scripted{}, client.NewDirectory()
		r, err := New(Options{Store: kept, Directory: directory, Read: read})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); r.Run(ctx) }()
		time.Sleep(5*time.Second - time.Millisecond) // R
		if _, ok := directory.Client("shop"); !ok || kept.revision < 4 {
			t.Errorf("within 5 s it looked %d times", kept.revision)
		}
		r.Used("shop", [32]byte{1})
		cancel()
		<-done
		if len(kept.uses) != 1 {
			t.Errorf("%d uses were written", len(kept.uses))
		}
	})
}

func TestOptions(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("a roster without a store is made")
	}
}
