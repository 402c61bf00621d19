package login

import (
	"slices"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/oauth"
)

// Resources finds registered resource servers.
type Resources interface {
	Resource(id string) (*client.Resource, bool)
}

// targets checks the resource servers that the request names (RFC 8707 2.1) and
// keeps of its scope what they, or we, can give to the client.
func (h *Handler) targets(v *visit) *oauth.Error {
	request := &v.login.Request
	for _, id := range request.Resources {
		if id == h.issuer {
			continue
		}
		known, ok := h.Resources.Resource(id)
		if !ok || !known.AllowsClient(v.client.ID) {
			return oauth.InvalidTarget("A resource is not registered here, or not for this client.")
		}
		for _, scope := range request.OtherScope {
			if slices.Contains(known.Scopes, scope) && !slices.Contains(request.Scope, scope) {
				request.Scope = append(request.Scope, scope)
			}
		}
	}
	request.OtherScope = nil
	if !offline(v) {
		request.Scope = slices.DeleteFunc(request.Scope, func(s string) bool { return s == oauth.ScopeOfflineAccess })
	}
	return nil
}

// offline reports whether the client may get refresh tokens by this request if
// it asks for them. The operator's own need no more than their registration;
// others ask the person each time they want some (OpenID Connect Core 11).
func offline(v *visit) bool {
	return v.client.AllowsGrant(client.GrantRefreshToken) &&
		(v.client.FirstParty || v.login.Request.HasPrompt(oauth.PromptConsent))
}
