package login

import (
	"slices"

	"github.com/bongsu/bongsu/broker/choice"
	"github.com/bongsu/bongsu/broker/oauth"
)

// needs is the weakest acr that this login may end with: what the client always
// requires, or what the request calls essential if that is more. A request that
// names several is content with any of them.
func (v *visit) needs() string {
	asked := v.login.Request.Claims
	if asked == nil || len(asked.ACR) == 0 {
		return v.client.MinACR
	}
	essential := choice.Weakest(asked.ACR)
	if !choice.KnownACR(essential) {
		return essential // nobody reaches it, and so it binds
	}
	return choice.Stronger(essential, v.client.MinACR)
}

// claims are those that the request asks for one by one, for the ID token and for
// userinfo. Whom a person has to agree with gets none beyond what they said yes
// to, which was asked by scope.
func (v *visit) claims() (idToken, userinfo []string) {
	asked := v.login.Request.Claims
	if asked == nil {
		return nil, nil
	}
	if v.client.FirstParty && v.login.Answer == nil {
		return asked.IDToken, asked.Userinfo
	}
	beyond := func(claim string) bool {
		return !slices.Contains(v.login.Request.Scope, oauth.ClaimScope(claim))
	}
	return slices.DeleteFunc(slices.Clone(asked.IDToken), beyond), slices.DeleteFunc(slices.Clone(asked.Userinfo), beyond)
}

// unreachable reports whether every way that reaches what the website requires
// is merely down right now: then it is not told that the person did not want to,
// but to try again.
func (h *Handler) unreachable(v *visit) bool {
	if v.needs() == "" {
		return false
	}
	ways := h.ways(v)
	return len(ways) > 0 && !slices.ContainsFunc(ways, func(w choice.Way) bool { return !w.Down && !w.Failed })
}
