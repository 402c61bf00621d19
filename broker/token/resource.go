package token

import (
	"slices"
	"time"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/oauth"
	"github.com/bongsu/bongsu/keys"
)

// Resources finds registered resource servers.
type Resources interface {
	Resource(id string) (*client.Resource, bool)
}

// target is whom an access token is for: one audience and no other (RFC 9068
// 3), and what it may do there.
type target struct {
	audience string
	scope    []string
	alg      keys.Algorithm
}

// target chooses among the resource servers that were granted, by what the
// request asks for now (RFC 8707 2.2). Naming none means the one that was
// granted, or our own userinfo, which the issuer names, if none was.
func (e *Endpoint) target(known *client.Client, granted, scope, asked []string) (target, error) {
	audience := e.Issuer
	switch {
	case len(asked) > 1:
		return target{}, oauth.InvalidTarget("An access token is for one resource: ask for one at a time.")
	case len(asked) == 1:
		audience = asked[0]
	case len(granted) == 1:
		audience = granted[0]
	case len(granted) > 1:
		return target{}, oauth.InvalidTarget("Several resources were granted: say by resource which one the token is for.")
	}
	if audience == e.Issuer {
		return target{audience: audience, scope: kept(scope, client.Reserved), alg: keys.ES256}, nil
	}
	server, ok := e.Resources.Resource(audience)
	if !ok || !server.AllowsClient(known.ID) || !slices.Contains(granted, audience) {
		return target{}, oauth.InvalidTarget("The resource is not registered here, not for this client, or was not granted.")
	}
	return target{
		audience: audience, alg: server.SigningAlg,
		scope: kept(scope, func(s string) bool { return slices.Contains(server.Scopes, s) }),
	}, nil
}

func kept(scope []string, keep func(string) bool) []string {
	var some []string
	for _, s := range scope {
		if keep(s) {
			some = append(some, s)
		}
	}
	return some
}

// clientToken is a client's token for itself (RFC 6749 4.4).
func (e *Endpoint) clientToken(known *client.Client, request oauth.TokenRequest) (response, error) {
	t, err := e.target(known, request.Resources, request.Scope, request.Resources)
	if err != nil {
		return response{}, err
	}
	if t.audience == e.Issuer {
		t.scope = nil // nothing here is anybody's but a person's
	} else if len(t.scope) < len(request.Scope) {
		return response{}, oauth.InvalidScope("The resource has not all of these scopes.")
	}
	now := e.Now()
	tokenID, err := id.New(e.Rand)
	if err != nil {
		return response{}, err
	}
	life := e.lifeOf(Code{Arbiter: Writer}, accessTokenLife)
	access, err := e.sign(keys.AccessToken, t.alg, AccessClaims{
		Issuer: e.Issuer, Subject: known.ID, Audience: t.audience, Scope: joinScope(t.scope),
		Expires: now.Add(life).Unix(), IssuedAt: now.Unix(), ID: tokenID, Client: known.ID,
	})
	if err != nil {
		return response{}, err
	}
	return response{
		AccessToken: access, TokenType: "Bearer", ExpiresIn: int(life / time.Second), Scope: joinScope(t.scope),
	}, nil
}
