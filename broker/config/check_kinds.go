package config

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bongsu/bongsu/providers/catalog"
	"github.com/bongsu/bongsu/providers/oauth2"
)

// How a code is bound to the login that asked for it.
const (
	pkceS256 = "S256" // unless set
	pkceNone = "none" // for a provider that chokes on a challenge
)

// some checks the keys that only some kinds of provider take.
func (c *checker) some(path string, p *fileProvider, kind kindOf) {
	for _, each := range someKinds {
		if each.set(p) && !slices.Contains(kind.takes, each.key) {
			c.add(path+"."+each.key, "%s.%s is not for the kind %s but for %s", path, each.key, p.Kind, strings.Join(takers(each.key), ", "))
		}
	}
	if p.AuthMethod != "" {
		c.oneOf(path+".auth_method", p.AuthMethod)
	}
	if p.PKCE != "" {
		c.oneOf(path+".pkce", p.PKCE)
	}
	if p.TokenInfo != "" {
		c.oneOf(path+".token_info", p.TokenInfo)
	}
	if slices.Contains(kind.takes, "token_info") && p.Endpoints["tokeninfo"] == "" && (p.TokenInfo != "" || p.AppID != "" || p.Claims[catalog.ClaimApp] != "") {
		c.add(path, "%s: token_info, app_id and claims.app say how endpoints.tokeninfo is asked, and there is none", path)
	}
	for i, audience := range p.Audiences {
		if audience == "" || len(audience) > 255 || strings.ContainsFunc(audience, isControl) {
			c.add(index(path+".audiences", i), "%s.audiences: %s is no client id", path, readable(audience))
		}
	}
	c.claims(path+".claims", p)
}

// date reads a day, "2027-10-08"; an empty text is none.
func (c *checker) date(path, text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		c.add(path, "%s %s must be a day such as 2027-10-08", path, readable(text))
	}
	return day
}

// takers are the kinds that take a key, sorted.
func takers(key string) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		if slices.Contains(kinds[name].takes, key) {
			names = append(names, name)
		}
	}
	return names
}

// claims checks where the provider's answers are said to hold what.
func (c *checker) claims(path string, p *fileProvider) {
	names := catalog.ClaimNames(p.Kind)
	if names == nil || c.bad[path] {
		return
	}
	if slices.Contains(names, "subject") && p.Claims["subject"] == "" {
		c.add(path, "%s.subject is required for the kind %s: the member of its profile that names a person for good, never an address, a phone number or a name", path, p.Kind)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Claims)) {
		switch at := path + "." + name; {
		case c.bad[at]:
		case !slices.Contains(names, name):
			c.add(at, "%s has no %s%s", path, readable(name), meant(name, names))
		case oauth2.CheckPath(p.Claims[name]) != nil:
			c.add(at, "%s.%s %s must be a member's name, or names with dots between", path, name, readable(p.Claims[name]))
		}
	}
}
