package backchannel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

// keepFor is how long it is remembered what became of telling a website.
const keepFor = 7 * 24 * time.Hour

// plan is who is to be told of one fact.
type plan struct {
	websites map[string]bool // client ids of everybody concerned, told or not
	told     []store.Logout
}

// causeOf names a fact in the queue. The same end of the same thing is the same
// cause, whoever heard of it and whether the store has it already.
func causeOf(f store.Fact) string {
	return string(f.Kind) + " " + strconv.FormatInt(f.Epoch, 10) + " " + f.ID
}

// queue puts what is to be told of a fact into the store, once.
func (n *Notifier) queue(ctx context.Context, f store.Fact) (plan, error) {
	p, err := n.plan(ctx, f)
	if err != nil {
		return plan{}, fmt.Errorf("find websites: %w", err)
	}
	for batch := range slices.Chunk(p.told, store.MaxLogouts) {
		if err := n.o.Store.AddLogouts(ctx, batch); err != nil {
			return p, fmt.Errorf("queue logouts: %w", err)
		}
	}
	return p, nil
}

// plan finds the websites that a fact is about: those that got a grant before
// it was said, from what has ended.
func (n *Notifier) plan(ctx context.Context, f store.Fact) (plan, error) {
	p := plan{websites: make(map[string]bool)}
	grants, err := n.grants(ctx, f)
	if err != nil {
		return p, err
	}
	accounts := make(map[string]*store.Account)
	seen := make(map[[2]string]bool)
	for _, g := range grants {
		p.websites[g.ClientID] = true
		name := [2]string{g.ClientID, g.SID}
		known, ok := n.o.Clients.Client(g.ClientID)
		if !ok || known.BackchannelLogoutURI == "" || seen[name] {
			continue
		}
		seen[name] = true
		account, err := n.account(ctx, accounts, g.AccountID)
		if err != nil {
			return p, err
		}
		now := n.o.Now().UTC()
		told := store.Logout{
			Cause: causeOf(f), ClientID: g.ClientID, SID: g.SID, AccountID: g.AccountID,
			State: store.LogoutTrying, NextAt: now, CreatedAt: now, ChangedAt: now, ExpiresAt: now.Add(keepFor),
		}
		if account != nil {
			told.Subject = n.o.Subjects.Subject(*account, known)
		}
		if told.Subject == "" && told.SID == "" {
			continue // nothing to name it by (OpenID Connect Back-Channel Logout 2.4)
		}
		p.told = append(p.told, told)
	}
	return p, nil
}

// grants are those that a fact has ended. Who signed in after all sessions were
// ended has nothing to do with it.
func (n *Notifier) grants(ctx context.Context, f store.Fact) ([]store.Grant, error) {
	if f.Lifted {
		return nil, nil
	}
	now := n.o.Now()
	switch f.Kind {
	case store.SessionEnded:
		return n.o.Store.GrantsOfSession(ctx, f.ID, now, maxGrants)
	case store.AccountDisabled:
		return n.o.Store.GrantsOfAccount(ctx, f.ID, now, maxGrants)
	case store.AccountEpoch:
		grants, err := n.o.Store.GrantsOfAccount(ctx, f.ID, now, maxGrants)
		return slices.DeleteFunc(grants, func(g store.Grant) bool { return g.CreatedAt.After(f.At) }), err
	case store.GrantRevoked:
		revoked, _, err := n.o.Store.GrantedAccount(ctx, f.ID)
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil
		}
		return []store.Grant{revoked}, err
	}
	return nil, nil
}

// account reads each account once; nil is one that is gone.
func (n *Notifier) account(ctx context.Context, read map[string]*store.Account, id string) (*store.Account, error) {
	if known, ok := read[id]; ok {
		return known, nil
	}
	found, err := n.o.Store.Account(ctx, id, 0)
	switch {
	case errors.Is(err, store.ErrNotFound):
		read[id] = nil
	case err != nil:
		return nil, err
	default:
		read[id] = &found
	}
	return read[id], nil
}

// results tells per website what the queue says, the least certain of its
// sessions first.
func (p plan) results(queued []store.Logout) []Result {
	byClient := make(map[string]Result)
	for website := range p.websites {
		byClient[website] = Result{Client: website, State: NotRegistered}
	}
	for _, l := range queued {
		state := State(l.State)
		if known, ok := byClient[l.ClientID]; !ok || doubt(state) > doubt(known.State) {
			byClient[l.ClientID] = Result{Client: l.ClientID, State: state, At: l.ChangedAt}
		}
	}
	return slices.SortedFunc(maps.Values(byClient), func(a, b Result) int { return cmp.Compare(a.Client, b.Client) })
}

// doubt ranks states: of several sessions at one website the result is the one
// that promises least.
func doubt(s State) int {
	return slices.Index([]State{NotRegistered, Delivered, Trying, Unreached, Refused}, s)
}
