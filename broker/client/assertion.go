package client

import "github.com/bongsu/bongsu/keys"

// checkAssertions checks what a client that signs assertions needs, and that
// nobody else has it.
func (c *Client) checkAssertions(p *problems, loopback bool) {
	if c.AuthMethod != AuthPrivateKeyJWT {
		for _, stray := range []struct{ field, value string }{
			{"jwks", c.JWKS}, {"jwks_uri", c.JWKSURI}, {"assertion_audience", c.AssertionAudience},
		} {
			if stray.value != "" {
				p.add(stray.field, "has a meaning for auth_method %q only", AuthPrivateKeyJWT)
			}
		}
		return
	}
	switch c.AssertionAudience {
	case "", AudienceIssuer, AudienceTokenEndpoint:
	default:
		p.add("assertion_audience", "must be %q or %q", AudienceIssuer, AudienceTokenEndpoint)
	}
	switch {
	case c.JWKS == "" && c.JWKSURI == "":
		p.add("jwks_uri", "auth_method %q needs the client's public keys: jwks_uri, or jwks", AuthPrivateKeyJWT)
	case c.JWKS != "" && c.JWKSURI != "":
		p.add("jwks", "has jwks_uri beside it: only one of them can be right")
	case c.JWKS != "":
		if _, err := keys.ParseClientKeys([]byte(c.JWKS)); err != nil {
			p.add("jwks", "%v", err)
		}
	default:
		checkCalled(p, "jwks_uri", c.JWKSURI, loopback)
	}
}

// checkBackchannel checks the address that is told of ended sessions.
func (c *Client) checkBackchannel(p *problems, loopback bool) {
	if c.BackchannelLogoutURI == "" {
		if c.BackchannelLogoutSessionRequired {
			p.add("backchannel_logout_session_required", "has a meaning with backchannel_logout_uri only")
		}
		return
	}
	checkCalled(p, "backchannel_logout_uri", c.BackchannelLogoutURI, loopback)
}

// checkCalled checks an address that we call.
func checkCalled(p *problems, field, uri string, loopback bool) {
	u, reason := parseURI(uri)
	if reason == "" && u.Scheme != "https" && (!loopback || u.Scheme != "http" || !isLoopback(u.Hostname())) {
		reason = "must be an https URL"
	}
	if reason != "" {
		p.add(field, "%s", reason)
	}
}
