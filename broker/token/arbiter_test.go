package token

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/arbiter"
	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/broker/store"
)

const here = Arbiter("seoul/seoul-1")

// alone makes the house a node that is an arbiter, while the writer is away.
func (h *house) alone() *arbiter.Node {
	h.t.Helper()
	log, err := arbiter.OpenLog(h.t.Context(), arbiter.LogOptions{
		Path: filepath.Join(h.t.TempDir(), "claims.log"), Now: func() time.Time { return h.now },
	})
	h.must(err)
	h.t.Cleanup(func() { _ = log.Close() })
	node := &arbiter.Node{Name: string(here), Log: log, Replayed: func(context.Context, store.Grant) error { return nil }}
	h.endpoint.Arbiters, h.endpoint.WriterLost = node, func() bool { return true }
	h.grants.fails = errAway
	return node
}

// ours is a code that names this node and asks for a refresh token too.
func ours(c *Code) {
	c.Arbiter, c.Scope = here, []string{"openid", "profile", "offline_access"}
}

// A code goes to the arbiter that it names, for ever; whatever keeps that from
// answering is a failure and not a fact.
func TestACodeGoesToItsArbiter(t *testing.T) {
	for name, tt := range map[string]struct {
		arbiter Arbiter
		away    bool // the writer is
		gives   bool
	}{
		"the writer's, while it is there":              {Writer, false, true},
		"the writer's, while it is away":               {Writer, true, false},
		"this node's, while the writer is away":        {here, true, true},
		"this node's, when the writer is back":         {here, false, true},
		"another node's, which nobody reaches":         {"busan/busan-1", true, false},
		"another node's, also when the writer is back": {"busan/busan-1", false, false},
		"one's that is no name":                        {"node-7", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			node := h.alone()
			if !tt.away {
				h.endpoint.WriterLost, h.grants.fails = func() bool { return false }, nil
			}
			sealed := h.sealed(h.sample(func(c *Code) { c.Arbiter = tt.arbiter }))
			answer, err := h.redeem("shop", sealed)
			if !tt.gives {
				if !errors.Is(err, store.ErrUnavailable) || len(h.grants.byLogin)+node.Log.Len() != 0 {
					t.Errorf("%v %v", answer, err)
				}
				return
			}
			h.must(err)
			if inLog := node.Log.Len() == 1; inLog != (tt.arbiter == here) || inLog == (len(h.grants.byLogin) == 1) {
				t.Errorf("%d claims in the log, %d in the store", node.Log.Len(), len(h.grants.byLogin))
			}
			if _, err := h.redeem("shop", sealed); code(err) != oauth.CodeInvalidGrant {
				t.Errorf("a second time: %v", err)
			}
			if _, err := h.userinfo(answer["access_token"].(string)); code(err) != oauth.CodeInvalidToken {
				t.Errorf("the tokens of a code that was used twice: %v", err)
			}
		})
	}
}

// An attempt whose outcome nobody knows goes on as itself, at another arbiter too.
func TestAnUnknownOutcomeIsSettledByTheSameAttempt(t *testing.T) {
	h := newHouse(t)
	node := h.alone()
	h.endpoint.Arbiters = &forgetful{Arbiters: node, lost: 2}
	sealed := h.sealed(h.sample(ours))
	for range 2 {
		if _, err := h.redeem("shop", sealed); !errors.Is(err, store.ErrUnavailable) {
			t.Fatalf("%v", err)
		}
	}
	_, err := h.redeem("shop", sealed)
	h.must(err)
	if len(h.events) != 0 {
		t.Errorf("events %v", h.events)
	}
}

// forgetful loses the first answers.
type forgetful struct {
	Arbiters

	lost int
}

func (f *forgetful) Claim(ctx context.Context, name string, g store.Grant, issued time.Time) (string, error) {
	first, err := f.Arbiters.Claim(ctx, name, g, issued)
	if f.lost > 0 {
		f.lost--
		return "", errAway
	}
	return first, err
}

// What a node gives lives for five minutes at most, has no refresh token and says
// so, and hangs on the session.
func TestWhatANodeGives(t *testing.T) {
	h := newHouse(t)
	shop, _ := h.endpoint.Clients.Client("shop")
	shop.GrantTypes = append(shop.GrantTypes, client.GrantRefreshToken)
	node := h.alone()
	answer, err := h.redeem("shop", h.sealed(h.sample(ours)))
	h.must(err)
	if answer["refresh_token"] != nil || answer["scope"] != "openid profile" || answer["expires_in"] != 300.0 {
		t.Errorf("answered %v", answer)
	}
	access, err := h.endpoint.readAccess(answer["access_token"].(string))
	h.must(err)
	if access.SID == "" || access.Arbiter != string(here) || access.Expires-access.IssuedAt != 300 {
		t.Errorf("access token %+v", access)
	}
	g, err := node.Log.Grant(access.Grant)
	h.must(err)
	if len(g.Scope) != 2 || g.Refresh.Key != nil {
		t.Errorf("grant %+v", g)
	}
	h.now = h.now.Add(5 * time.Minute)
	if _, err := h.userinfo(answer["access_token"].(string)); code(err) != oauth.CodeInvalidToken {
		t.Errorf("after five minutes: %v", err)
	}
	own, err := h.redeem("shop", "", "grant_type", "client_credentials", "code", "", "redirect_uri", "")
	h.must(err)
	if own["expires_in"] != 300.0 {
		t.Errorf("a client's own token: %v", own)
	}
}

// A token of a node is answered by what that node knows; elsewhere "no such grant"
// is no answer as long as the node has not been heard.
func TestUserinfoOfWhatANodeGave(t *testing.T) {
	away, gone := errAway, store.ErrNotFound
	for name, tt := range map[string]struct {
		node  error // nil: it has the grant
		store error // nil: it has the grant
		want  error // nil: answered
	}{
		"the node has it":                                     {nil, gone, nil},
		"the node is away, the store has it":                  {away, nil, nil},
		"the node is away, and the store does not know of it": {away, gone, away},
		"both are away":                                       {away, away, away},
		"the node has forgotten it, the store has it":         {gone, nil, nil},
		"the node has forgotten it, the store is away":        {gone, away, away},
		"neither knows of it":                                 {gone, gone, errAccess},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			node := h.alone()
			answer, err := h.redeem("shop", h.sealed(h.sample(ours)))
			h.must(err)
			h.grants.fails = nil
			access, err := h.endpoint.readAccess(answer["access_token"].(string))
			h.must(err)
			if tt.store == nil {
				g, err := node.Log.Grant(access.Grant)
				h.must(err)
				h.grants.byLogin[g.LoginID] = g
			} else if !errors.Is(tt.store, gone) {
				h.grants.fails = tt.store
			}
			if tt.node != nil {
				h.endpoint.Arbiters = mute{tt.node}
			}
			found, err := h.endpoint.live(t.Context(), access)
			if tt.want == nil && (err != nil || found.grant.ID != access.Grant || found.account.ID != "acc") || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("%+v, %v, want %v", found, err, tt.want)
			}
		})
	}
}

// mute is arbiters that answer with one error.
type mute struct{ error }

func (m mute) Claim(context.Context, string, store.Grant, time.Time) (string, error) {
	return "", m.error
}

func (m mute) Grant(context.Context, string, string) (store.Grant, error) {
	return store.Grant{}, m.error
}

// Without a writer a refresh token is not used up, and what the replica denies is
// no fact.
func TestARefreshTokenStaysGoodWithoutAWriter(t *testing.T) {
	now := newHouse(t).now
	for name, tt := range map[string]struct {
		public bool
		count  int64 // the replica's
		ended  time.Time
		used   time.Time
		gives  bool
	}{
		"the good one":                            {count: 3, used: now, gives: true},
		"one that the replica has not seen yet":   {count: 2, used: now, gives: true},
		"one that was used, says the replica":     {count: 4, used: now},
		"one whose family ended":                  {count: 3, used: now, ended: now},
		"one unused for a week, says the replica": {count: 3, used: now.Add(-refreshIdle)},
		"a public client's":                       {public: true, count: 3, used: now},
	} {
		t.Run(name, func(t *testing.T) {
			f := family{token: refreshToken{count: 3}}
			f.grant.Refresh = store.Family{Count: tt.count, EndedAt: tt.ended, UsedAt: tt.used}
			err := staysGood(f, &client.Client{Public: tt.public}, now)
			if (err == nil) != tt.gives || err != nil && (!oauth.HasCode(err, oauth.CodeTemporarilyUnavailable) || !strings.Contains(err.Error(), "try again")) {
				t.Errorf("%v", err)
			}
		})
	}
}
