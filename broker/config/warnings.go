package config

import (
	"slices"
	"strings"

	"github.com/bongsu/bongsu/broker/client"
)

// offlineAccess is the scope that refresh tokens are given for (OpenID Connect
// Core 1.0, 11).
const offlineAccess = "offline_access"

// warn takes note of something that works and is likely not meant.
func (c *checker) warn(path, format string, args ...any) {
	before := len(c.problems)
	c.add(path, "warning: "+format, args...)
	c.config.warned = append(c.config.warned, c.problems[before:]...)
	c.problems = c.problems[:before]
}

// warnings looks at what parts of the file mean together. It runs last, on what
// every other check has read.
func (c *checker) warnings() {
	c.coverage()
	c.halves()
	c.strangers()
	for i, w := range c.file.Clients {
		if j := slices.Index(w.OptionalScopes, offlineAccess); j >= 0 && !slices.Contains(w.GrantTypes, client.GrantRefreshToken) {
			c.warn(index(index("clients", i)+".optional_scopes", j), "clients[%d].optional_scopes: %s is given to clients with the grant type %s alone: add it to grant_types", i, offlineAccess, client.GrantRefreshToken)
		}
	}
}

// halves warns of sites that one cut can part into halves: contact is more than half
// of them, and then nobody has it.
func (c *checker) halves() {
	if n := len(c.config.Sites); n > 0 && n%2 == 0 {
		c.warn("sites", "sites: of %d, half are not more than half: cut in the middle, no side knows whether it is alone; one more, however small, would tell", n)
	}
}

// coverage warns where one failure leaves people without a way to log in.
func (c *checker) coverage() {
	all := c.ways("", nil)
	if len(all) > 0 && !independent(all) {
		c.warn("providers", "providers: %s", alone(all))
	}
	for i, w := range c.file.Clients {
		path := index("clients", i)
		people := w.GrantTypes == nil || slices.Contains(w.GrantTypes, client.GrantAuthorizationCode)
		if !people || c.bad[path] || len(c.file.Providers) == 0 {
			continue
		}
		ways := c.ways(w.ID, w.Providers)
		if w.Providers != nil {
			path += ".providers"
		}
		switch {
		case len(ways) == 0:
			c.warn(path, "%s: no provider is open to it: nobody can log in there", path)
		case !independent(ways) && !slices.Equal(names(ways), names(all)):
			c.warn(path, "%s: %s", path, alone(ways))
		}
	}
}

// ways are the providers that a client may use; those that every client may use
// for the id "". listed bounds them; nil: all.
func (c *checker) ways(id string, listed []string) []Provider {
	var open []Provider
	for _, p := range c.config.Providers {
		if (listed == nil || slices.Contains(listed, p.ID)) && (p.OnlyFor == nil || slices.Contains(p.OnlyFor, id)) {
			open = append(open, p)
		}
	}
	return open
}

// independent tells whether two of the ways share no domain.
func independent(ways []Provider) bool {
	for i, a := range ways {
		for _, b := range ways[:i] {
			if !slices.ContainsFunc(a.Domains, func(d string) bool { return slices.Contains(b.Domains, d) }) {
				return true
			}
		}
	}
	return false
}

func names(ways []Provider) []string {
	ids := make([]string, len(ways))
	for i, p := range ways {
		ids[i] = p.ID
	}
	return ids
}

// alone says of ways that fail together what that means.
func alone(ways []Provider) string {
	if len(ways) == 1 {
		return ways[0].ID + " is the only way to log in: when it fails, nobody can; add one of another domain"
	}
	return strings.Join(names(ways), " and ") + " share their fate: when one fails, nobody can log in; add a way of another domain"
}

// strangers warns of clients that are named and stand in no entry: they may be in
// the store, or mistyped.
func (c *checker) strangers() {
	var known []string
	for _, w := range c.file.Clients {
		known = append(known, w.ID)
	}
	for i, p := range c.file.Providers {
		c.stranger(index("providers", i)+".only_for", p.OnlyFor, known)
		served := func(id string) bool { return slices.Contains(known, id) }
		if len(p.OnlyFor) > 0 && !slices.ContainsFunc(p.OnlyFor, served) {
			c.warn(index("providers", i)+".only_for", "providers[%d].only_for names no client of this file: unless one is registered with bongsu client add, nobody can use it", i)
		}
	}
	for i, r := range c.file.Resources {
		c.stranger(index("resources", i)+".clients", r.Clients, known)
		c.stranger(index("resources", i)+".introspects", r.Introspects, known)
	}
}

func (c *checker) stranger(path string, named, known []string) {
	for i, id := range named {
		if slices.Contains(known, id) {
			continue
		}
		if near, ok := closest(id, known); ok && distance(id, near) <= 2 {
			c.warn(index(path, i), "%s: no client of this file is called %s (did you mean %q?)", path, readable(id), near)
		}
	}
}
