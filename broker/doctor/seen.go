package doctor

import (
	"slices"
	"strings"
	"time"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/habit"
	"github.com/bongsu/bongsu/broker/oauth"
)

// longEnough is how long notes must have been taken before what is missing among
// them means something.
const longEnough = 30 * 24 * time.Hour

const moment = "2006-01-02 15:04Z"

// seen looks at what the website was seen to do.
func (f *findings) seen(e entry, s habit.Seen, now time.Time) {
	if e.people() {
		f.requests(e, s)
		if now.Sub(s.Since) > longEnough && s.Requests > 0 {
			f.unused("redirect URI", e.RedirectURIs, s.URIs, s.Since)
			f.unused("optional scope", e.OptionalScopes, s.Scopes, s.Since)
		}
	}
	if e.BackchannelLogoutURI != "" {
		f.told(s)
	}
}

// requests looks at how the latest login requests were built.
func (f *findings) requests(e entry, s habit.Seen) {
	const check = "login requests"
	if s.Requests == 0 {
		f.add(OK, check, "this node saw none since %s", s.Since.UTC().Format(moment))
		return
	}
	f.add(OK, check, "the last one at this node was at %s; %d are looked at", s.At.UTC().Format(moment), s.Requests)
	switch without := s.Requests - s.PKCE; {
	case without == 0:
		f.add(OK, "PKCE seen", "every request carries a challenge")
	case e.PKCE == "optional":
		f.add(Advice, "PKCE seen", "%d of %d requests carry no challenge: a stolen code may be redeemed", without, s.Requests)
	default:
		f.add(Problem, "PKCE seen", "%d of %d requests carry no challenge and were refused: switch PKCE on in the website's library", without, s.Requests)
	}
	f.carried("state seen", "state", "anybody could end their own login in somebody else's browser there", s.State, s.Requests)
	f.carried("nonce seen", "nonce", "an ID token could be put in another's place unnoticed", s.Nonce, s.Requests)
	if slices.Contains(s.Scopes, oauth.ScopeOfflineAccess) && !slices.Contains(e.GrantTypes, client.GrantRefreshToken) {
		f.add(Advice, "scopes", "it asks for %s and is given no refresh token: add %s to grant_types, or let it ask for less", oauth.ScopeOfflineAccess, client.GrantRefreshToken)
	}
}

func (f *findings) carried(check, what, why string, with, of int) {
	if with == of {
		f.add(OK, check, "every request carries one")
		return
	}
	f.add(Advice, check, "%d of %d requests carry no %s: %s, unless the challenge is tied to the browser", of-with, of, what, why)
}

// unused names what is registered and was never asked for.
func (f *findings) unused(what string, registered, seen []string, since time.Time) {
	for _, each := range registered {
		if !slices.Contains(seen, each) && !strings.HasPrefix(each, "http://") { // on loopback, with whatever port
			f.add(Advice, what, "%s was not asked for at this node since %s: take it out if nobody needs it", each, since.UTC().Format(moment))
		}
	}
}

// told looks at whether word of ended sessions arrives.
func (f *findings) told(s habit.Seen) {
	const check = "back-channel logout"
	switch {
	case s.Told == nil:
		f.add(OK, check, "this node had nothing to tell since %s", s.Since.UTC().Format(moment))
	case s.Told.Error == "":
		f.add(OK, check, "the website took word of an ended session at %s", s.TookAt.UTC().Format(moment))
	default:
		last := "it never took one from this node"
		if !s.TookAt.IsZero() {
			last = "it last took one at " + s.TookAt.UTC().Format(moment)
		}
		f.add(Problem, check, "word of an ended session did not arrive at %s: %s; %d attempts in a row failed, %s",
			s.Told.At.UTC().Format(moment), strings.TrimPrefix(s.Told.Error, "tell website: "), s.Missed, last)
	}
}
