package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/store"
)

const (
	shownGrants = 1000
	searchIn    = 15 * time.Second // for whom a subject belongs to
)

// Accounts is the part of the store that keeps people's accounts.
type Accounts interface {
	Account(ctx context.Context, id string, minEpoch int64) (store.Account, error)
	AccountByIdentity(ctx context.Context, key store.IdentityKey, minEpoch int64) (store.Account, error)
	AccountSeeds(ctx context.Context, client, after string, limit int) ([]store.AccountSeed, error)
	Links(ctx context.Context, accountID string) ([]store.Link, error)
	GrantsOfAccount(ctx context.Context, accountID string, at time.Time, limit int) ([]store.Grant, error)

	DisableAccount(ctx context.Context, id string, at time.Time) (store.Fact, error)
	EnableAccount(ctx context.Context, id string, at time.Time) (store.Fact, error)
	EndSessions(ctx context.Context, id string, at time.Time) (store.Fact, error)
	DeleteAccount(ctx context.Context, id string, epoch int64, at time.Time) (store.Fact, error)
}

// People is what orders about accounts and sessions work with. All fields are
// required.
type People struct {
	Accounts Accounts
	// Subject is what a client knows an account by.
	Subject func(a store.Account, c *client.Client) string
	// SessionLife is how long a session may live at most: what ended one is
	// remembered for that long.
	SessionLife time.Duration
}

func (p People) complete() bool {
	return p.Accounts != nil && p.Subject != nil && p.SessionLife > 0
}

// accountRoutes are the paths about people's accounts and sessions. Who it is
// about stands in the body or is our own id: what is known of people is never in
// a URL, which ends in logs.
func (h *Handler) accountRoutes() []Route {
	return []Route{
		{"POST /admin/accounts/find", h.act("account.show", h.findAccount)},
		{"POST /admin/accounts/{account}/disable", h.act("account.disable", h.disableAccount)},
		{"POST /admin/accounts/{account}/enable", h.act("account.enable", h.enableAccount)},
		{"POST /admin/accounts/{account}/delete", h.act("account.delete", h.deleteAccount)},
		{"GET /admin/accounts/{account}/sessions", h.see(h.sessions)},
		{"POST /admin/accounts/{account}/sessions/end", h.act("session.end_all", h.endSessions)},
		{"POST /admin/sessions/{sid}/revoke", h.act("session.revoke", h.revokeSession)},
	}
}

// AccountQuery says which account is meant: by its id, by a way in, or by what a
// website knows it by. Never by anything that a person has from somebody else.
type AccountQuery struct {
	Account  string `json:"account,omitempty"`
	Provider string `json:"provider,omitempty"` // with Subject
	Subject  string `json:"subject,omitempty"`
	Client   string `json:"client,omitempty"` // with Sub
	Sub      string `json:"sub,omitempty"`
	Reveal   bool   `json:"reveal,omitempty"` // mask nothing
	Reason   string `json:"reason,omitempty"`
}

func (h *Handler) findAccount(c *call) (any, error) {
	var q AccountQuery
	if err := c.body(&q); err != nil {
		return nil, err
	}
	if err := c.because(q.Reason); err != nil {
		return nil, err
	}
	a, err := h.found(c, q)
	if err != nil {
		return nil, err
	}
	c.account = a.ID
	if q.Reveal {
		c.object = "revealed"
	}
	links, err := h.o.People.Accounts.Links(c.ctx, a.ID)
	if err != nil {
		return nil, err
	}
	shown := accountOf(a, links, q.Reveal)
	shown.Disabled = shown.Disabled || h.o.Negatives.Has(store.AccountDisabled, a.ID)
	if known, ok := h.o.Websites.Directory.Client(q.Client); ok {
		shown.Subjects = append(shown.Subjects, Subject{Client: known.ID, Sub: h.o.People.Subject(a, known)})
	}
	return shown, nil
}

// found returns the account that is meant.
func (h *Handler) found(c *call, q AccountQuery) (store.Account, error) {
	given := 0
	for _, how := range []bool{q.Account != "", q.Provider != "" || q.Subject != "", q.Sub != ""} {
		if how {
			given++
		}
	}
	if given != 1 || (q.Provider == "") != (q.Subject == "") || q.Sub != "" && q.Client == "" {
		return store.Account{}, invalid("An account is named by account, by provider and subject, or by client and sub.")
	}
	var a store.Account
	var err error
	switch {
	case q.Account != "":
		a, err = h.o.People.Accounts.Account(c.ctx, q.Account, 0)
	case q.Provider != "":
		a, err = h.o.People.Accounts.AccountByIdentity(c.ctx, store.IdentityKey{Provider: q.Provider, Subject: q.Subject}, 0)
	default:
		a, err = h.bySub(c, q)
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return a, notFound("there is no such account")
	case errors.Is(err, store.ErrInvalid):
		return a, invalid("That names no account.")
	}
	return a, err
}

// bySub looks for the account that a client knows by sub. A subject cannot be
// turned back, so that each account's is made: of those that were at the client
// lately first, and then of all.
func (h *Handler) bySub(c *call, q AccountQuery) (store.Account, error) {
	known, ok := h.o.Websites.Directory.Client(q.Client)
	if !ok {
		return store.Account{}, noClient(q.Client)
	}
	ctx, cancel := context.WithTimeout(c.patient, searchIn)
	defer cancel()
	for _, of := range []string{known.ID, ""} {
		for after := ""; ; {
			seeds, err := h.o.People.Accounts.AccountSeeds(ctx, of, after, store.MaxSeeds)
			if err != nil {
				return store.Account{}, err
			}
			for _, s := range seeds {
				if h.o.People.Subject(store.Account{ID: s.AccountID, Seed: s.Seed}, known) == q.Sub {
					return h.o.People.Accounts.Account(ctx, s.AccountID, 0)
				}
			}
			if len(seeds) < store.MaxSeeds {
				break
			}
			after = seeds[len(seeds)-1].AccountID
		}
	}
	return store.Account{}, store.ErrNotFound
}

func accountOf(a store.Account, links []store.Link, reveal bool) Account {
	hide := masked
	if reveal {
		hide = func(text string) string { return text }
	}
	shown := Account{
		ID: a.ID, Disabled: a.Disabled, DeletedAt: a.DeletedAt, CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt, OpenedDuring: a.OpenedDuring,
		Name: hide(a.Name), Email: hide(a.Email), EmailVerified: a.EmailVerified, Phone: hide(a.Phone), PhoneVerified: a.PhoneVerified,
		Locale: a.Locale, Revealed: reveal, Links: []Link{},
	}
	for _, l := range links {
		shown.Links = append(shown.Links, Link{Provider: l.Provider, Subject: hide(l.Subject), CreatedAt: l.CreatedAt})
	}
	return shown
}

// masked is text of which the first character is left, and that of its domain:
// enough to tell one from another with the person on the telephone.
func masked(text string) string {
	if text == "" {
		return ""
	}
	name, domain, mail := strings.Cut(text, "@")
	if mail {
		return first(name) + "…@" + first(domain) + "…"
	}
	return first(text) + "…"
}

func first(text string) string {
	_, size := utf8.DecodeRuneInString(text)
	return text[:size]
}

// personOrder reads an order about an account.
func (h *Handler) personOrder(c *call) (store.Account, error) {
	var o PersonOrder
	if err := c.body(&o); err != nil {
		return store.Account{}, err
	}
	if err := c.because(o.Reason); err != nil {
		return store.Account{}, err
	}
	id := c.r.PathValue("account")
	if !isID(id) {
		return store.Account{}, invalid("That is no account's id; bongsu account show finds it.")
	}
	c.account = id
	return h.found(c, AccountQuery{Account: id})
}

// disableAccount is obeyed here whether or not the store can be reached (P8). An
// account that cannot be looked up is disabled all the same: its id is ours.
func (h *Handler) disableAccount(c *call) (any, error) {
	a, err := h.personOrder(c)
	if err != nil && !errors.Is(err, store.ErrUnavailable) {
		return nil, err
	}
	said := store.Fact{Kind: store.AccountDisabled, ID: c.account, Epoch: max(a.Epoch, h.o.Negatives.MinEpoch(c.account)), At: h.o.Now().UTC()}
	if err := h.o.Negatives.Apply(c.ctx, said); err != nil {
		return nil, fmt.Errorf("apply %s: %w", said.Kind, err)
	}
	return AccountDone{Account: c.account, Recorded: h.stored(c, func(ctx context.Context) (store.Fact, error) {
		return h.o.People.Accounts.DisableAccount(ctx, c.account, said.At)
	})}, nil
}

// isID reports whether text is shaped like an id of ours.
func isID(text string) bool {
	return text != "" && len(text) <= store.MaxID &&
		!strings.ContainsFunc(text, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
}

// stored reports whether the store has what was said, and makes this node
// obey what stands there.
func (h *Handler) stored(c *call, say func(ctx context.Context) (store.Fact, error)) bool {
	ctx, cancel := context.WithTimeout(c.ctx, recordWithin)
	defer cancel()
	stands, err := say(ctx)
	return err == nil && h.o.Negatives.Apply(ctx, stands) == nil
}

// decided carries out what only the store's writer can say.
func (h *Handler) decided(c *call, say func(id string, at time.Time) (store.Fact, error)) (any, error) {
	a, err := h.personOrder(c)
	if err != nil {
		return nil, err
	}
	stands, err := say(a.ID, h.o.Now().UTC())
	if err != nil {
		return nil, err
	}
	if err := h.o.Negatives.Apply(c.ctx, stands); err != nil {
		return nil, fmt.Errorf("apply %s: %w", stands.Kind, err)
	}
	return AccountDone{Account: a.ID, Recorded: true}, nil
}

func (h *Handler) enableAccount(c *call) (any, error) {
	return h.decided(c, func(id string, at time.Time) (store.Fact, error) {
		return h.o.People.Accounts.EnableAccount(c.ctx, id, at)
	})
}

func (h *Handler) deleteAccount(c *call) (any, error) {
	return h.decided(c, func(id string, at time.Time) (store.Fact, error) {
		return h.o.People.Accounts.DeleteAccount(c.ctx, id, 0, at)
	})
}

// endSessions signs an account out everywhere.
func (h *Handler) endSessions(c *call) (any, error) {
	return h.decided(c, func(id string, at time.Time) (store.Fact, error) {
		return h.o.People.Accounts.EndSessions(c.ctx, id, at)
	})
}

// sessions lists what is known of an account's sessions, the one used last first.
func (h *Handler) sessions(c *call) (any, error) {
	a, err := h.found(c, AccountQuery{Account: c.r.PathValue("account")})
	if err != nil {
		return nil, err
	}
	grants, err := h.o.People.Accounts.GrantsOfAccount(c.ctx, a.ID, h.o.Now().UTC(), shownGrants)
	if err != nil {
		return nil, err
	}
	all := []Session{}
	for _, g := range grants { // newest first
		i := slices.IndexFunc(all, func(s Session) bool { return s.SID == g.SID })
		if g.SID == "" {
			continue
		}
		if i < 0 {
			i = len(all)
			all = append(all, Session{
				SID: g.SID, Provider: g.Provider, ACR: g.ACR, AuthTime: g.AuthTime, UsedAt: g.CreatedAt,
				Ended: h.ended(a, g),
			})
		}
		if !slices.Contains(all[i].Clients, g.ClientID) {
			all[i].Clients = append(all[i].Clients, g.ClientID)
		}
	}
	return all, nil
}

// ended reports whether the session behind a grant is void.
func (h *Handler) ended(a store.Account, g store.Grant) bool {
	n := h.o.Negatives
	return a.Disabled || n.Has(store.AccountDisabled, a.ID) || n.Has(store.SessionEnded, g.SID) ||
		g.Epoch != 0 && g.Epoch < max(a.Epoch, n.MinEpoch(a.ID)) ||
		g.CreatedAt.Unix() <= n.Epoch(store.ProviderSessionsEnded, g.Provider) ||
		!h.o.Now().Before(g.CreatedAt.Add(h.o.People.SessionLife))
}

// revokeSession ends one session, whether or not the store can be reached (P8).
func (h *Handler) revokeSession(c *call) (any, error) {
	var o PersonOrder
	if err := c.body(&o); err != nil {
		return nil, err
	}
	if err := c.because(o.Reason); err != nil {
		return nil, err
	}
	sid := c.r.PathValue("sid")
	if !isID(sid) {
		return nil, invalid("That is no session's id; bongsu session list shows them.")
	}
	c.object = sid
	now := h.o.Now().UTC()
	said := store.Fact{Kind: store.SessionEnded, ID: sid, At: now, Until: now.Add(h.o.People.SessionLife)}
	if err := h.o.Negatives.Apply(c.ctx, said); err != nil {
		return nil, fmt.Errorf("apply %s: %w", said.Kind, err)
	}
	return AccountDone{SID: sid, Recorded: h.stored(c, func(ctx context.Context) (store.Fact, error) {
		return h.o.Facts.RecordFact(ctx, said)
	})}, nil
}
