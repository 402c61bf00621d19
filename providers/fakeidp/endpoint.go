package fakeidp

// Endpoint names one place of an upstream. An upstream may serve an endpoint
// under several paths; they count and fail as one.
type Endpoint string

// The endpoints. Not every dialect has all of them.
const (
	Authorize Endpoint = "authorize" // the person's page
	Continue  Endpoint = "continue"  // the person said yes
	Cancel    Endpoint = "cancel"    // the person said no
	Discovery Endpoint = "discovery"
	JWKS      Endpoint = "jwks"
	Token     Endpoint = "token"
	Userinfo  Endpoint = "userinfo"  // also the profile calls of plain OAuth 2.0
	Emails    Endpoint = "emails"    // GitHub's list of addresses, apart from the profile
	TokenInfo Endpoint = "tokeninfo" // says which app a token was issued to
	Status    Endpoint = "status"    // what the upstream says about itself
)

func endpoints() []Endpoint {
	return []Endpoint{Authorize, Continue, Cancel, Discovery, JWKS, Token, Userinfo, Emails, TokenInfo, Status}
}
