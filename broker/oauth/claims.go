package oauth

import (
	"encoding/json"
	"slices"
)

// claimScopes are the claims that may be asked for one by one (OpenID Connect
// Core 5.5), and the scope that each belongs to.
var claimScopes = map[string]string{
	"name": ScopeProfile, "picture": ScopeProfile, "locale": ScopeProfile, "updated_at": ScopeProfile,
	"email": ScopeEmail, "email_verified": ScopeEmail,
	"phone_number": ScopePhone, "phone_number_verified": ScopePhone,
}

// ClaimScope returns the scope that a claim belongs to; empty: it is none that
// may be asked for.
func ClaimScope(claim string) string { return claimScopes[claim] }

// ClaimsRequest is what the parameter claims asks for, as far as it means
// anything here.
type ClaimsRequest struct {
	IDToken  []string `json:"i,omitempty"` // known claims, sorted
	Userinfo []string `json:"u,omitempty"` // the same
	// ACR are the values of which the login must reach one; empty: it need not.
	ACR     []string `json:"a,omitempty"`
	Subject string   `json:"s,omitempty"` // whom the login must be of; empty: of anybody
}

// claimRequest is one member of the parameter: how much a claim is wanted, and
// with what value. A null is a claim that is simply wanted.
type claimRequest struct {
	Essential bool              `json:"essential"`
	Value     json.RawMessage   `json:"value"`
	Values    []json.RawMessage `json:"values"`
}

// texts are the values that are texts, at most 10.
func (c claimRequest) texts() []string {
	var found []string
	for _, raw := range append([]json.RawMessage{c.Value}, c.Values...) {
		var text string
		if len(raw) > 0 && json.Unmarshal(raw, &text) == nil && text != "" && len(found) < maxValues {
			found = append(found, text)
		}
	}
	return found
}

// parseClaims reads the parameter claims (OpenID Connect Core 5.5). Members and
// claims that nobody here knows are ignored, whatever they hold. Of a claim of
// the account a value changes nothing: it is given as it is, or not at all.
func (r *AuthorizationRequest) parseClaims(parameter string) *Error {
	if parameter == "" {
		return nil
	}
	malformed := InvalidRequest("claims must be a JSON object with the members userinfo and id_token, each an object or null.")
	var members struct {
		IDToken  map[string]json.RawMessage `json:"id_token"`
		Userinfo map[string]json.RawMessage `json:"userinfo"`
	}
	if json.Unmarshal([]byte(parameter), &members) != nil || parameter[0] != '{' {
		return malformed
	}
	var asked ClaimsRequest
	for _, member := range []struct {
		claims map[string]json.RawMessage
		names  *[]string
	}{{members.IDToken, &asked.IDToken}, {members.Userinfo, &asked.Userinfo}} {
		for claim, raw := range member.claims {
			var wanted claimRequest
			if ClaimScope(claim) == "" && claim != "acr" && claim != "sub" {
				continue
			}
			if json.Unmarshal(raw, &wanted) != nil {
				return malformed
			}
			if ClaimScope(claim) != "" {
				*member.names = append(*member.names, claim)
				continue
			}
			if e := r.require(&asked, claim, wanted); e != nil {
				return e
			}
		}
		slices.Sort(*member.names)
	}
	if !asked.empty() {
		r.Claims = &asked
	}
	return nil
}

func (c *ClaimsRequest) empty() bool {
	return len(c.IDToken)+len(c.Userinfo)+len(c.ACR) == 0 && c.Subject == ""
}

// require takes the two claims that say who must log in, and how.
func (r *AuthorizationRequest) require(asked *ClaimsRequest, claim string, wanted claimRequest) *Error {
	values := wanted.texts()
	switch {
	case len(values) == 0:
	case claim == "acr" && wanted.Essential:
		asked.ACR = append(asked.ACR, values...)
	case claim == "acr":
		for _, value := range values {
			if !slices.Contains(r.ACRValues, value) && len(r.ACRValues) < maxValues {
				r.ACRValues = append(r.ACRValues, value)
			}
		}
	case len(values) > 1 || asked.Subject != "" && asked.Subject != values[0]:
		return InvalidRequest("claims asks for more than one sub: a login is of one person.")
	default:
		asked.Subject = values[0]
	}
	return nil
}
