package sqlstore

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bongsu/bongsu/broker/store"
)

// Sizes that the contracts give in words, in bytes.
const (
	seedSize    = 32
	hashSize    = 32 // SHA-256
	maxName     = 64 // of a secret, a site, an algorithm, a state
	maxKeyID    = 64
	maxPublic   = 2 << 10
	maxWrapped  = 4 << 10
	maxManifest = 8 << 10
)

// check collects what is wrong with a record before it is sent: both databases
// refuse the same, and neither is asked. The values stay out of the error.
type check struct{ err error }

func (c *check) fail(name, why string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: %s %s", store.ErrInvalid, name, fmt.Sprintf(why, args...))
	}
}

// text checks a text of at most limit bytes. PostgreSQL keeps no NUL.
func (c *check) text(name, value string, limit int) {
	switch {
	case len(value) > limit:
		c.fail(name, "is longer than %d bytes", limit)
	case strings.IndexByte(value, 0) >= 0 || !utf8.ValidString(value):
		c.fail(name, "is not UTF-8 without NUL")
	}
}

// filled checks a text that must not be empty.
func (c *check) filled(name, value string, limit int) {
	if value == "" {
		c.fail(name, "is empty")
	}
	c.text(name, value, limit)
}

// list checks words that are stored joined by spaces.
func (c *check) list(name string, words []string, limit int) {
	size := -1
	for _, w := range words {
		if w == "" || strings.IndexByte(w, ' ') >= 0 {
			c.fail(name, "has a word that is empty or holds a space")
		}
		c.text(name, w, limit)
		size += 1 + len(w)
	}
	if size > limit {
		c.fail(name, "is longer than %d bytes", limit)
	}
}

// hash checks that value is the hash of something.
func (c *check) hash(name string, value []byte) {
	if len(value) != hashSize {
		c.fail(name, "is not %d bytes", hashSize)
	}
}

// bytes checks bytes that must not be empty.
func (c *check) bytes(name string, value []byte, limit int) {
	if len(value) == 0 || len(value) > limit {
		c.fail(name, "is empty or longer than %d bytes", limit)
	}
}

func (c *check) key(key store.IdentityKey) {
	c.filled("provider", key.Provider, store.MaxProvider)
	c.filled("subject", key.Subject, store.MaxSubject)
}

func (c *check) account(a store.Account) {
	c.filled("account id", a.ID, store.MaxID)
	if len(a.Seed) != seedSize {
		c.fail("seed", "is not %d bytes", seedSize)
	}
	c.text("name", a.Name, store.MaxAttribute)
	c.text("email", a.Email, store.MaxAttribute)
	c.text("phone", a.Phone, store.MaxAttribute)
	c.text("picture", a.Picture, store.MaxAttribute)
	c.text("locale", a.Locale, store.MaxAttribute)
	c.text("opened during", a.OpenedDuring, store.MaxAttribute)
	if a.Epoch < 0 {
		c.fail("epoch", "is negative")
	}
}

func (c *check) grant(g store.Grant) {
	c.filled("grant id", g.ID, store.MaxID)
	c.filled("login id", g.LoginID, store.MaxID)
	c.hash("code hash", g.CodeHash)
	c.filled("account id", g.AccountID, store.MaxID)
	c.filled("client id", g.ClientID, store.MaxClientID)
	c.text("sid", g.SID, store.MaxID)
	c.list("scope", scopeWords(g), store.MaxScope)
	if slices.ContainsFunc(g.Scope, func(s string) bool { return strings.HasPrefix(s, claimWord) }) {
		c.fail("scope", "has a word that would be read as a claim")
	}
	c.text("provider", g.Provider, store.MaxProvider)
	c.text("acr", g.ACR, store.MaxMethod)
	c.list("amr", g.AMR, store.MaxMethod)
	c.list("resources", g.Resources, store.MaxResources)
	if g.Epoch < 0 {
		c.fail("epoch", "is negative")
	}
	c.family(g.Refresh)
}

// family checks the family of a grant that is about to be made.
func (c *check) family(f store.Family) {
	if f.Key == nil {
		if f.Count != 0 || !f.UsedAt.IsZero() {
			c.fail("refresh family", "has no key")
		}
		return
	}
	c.bytes("refresh family's key", f.Key, store.MaxFamilyKey)
	if f.Count != 1 || f.UsedAt.IsZero() || f.Attempt != "" || !f.EndedAt.IsZero() {
		c.fail("refresh family", "does not begin with its first token")
	}
}

func (c *check) fact(f store.Fact) {
	c.filled("kind", string(f.Kind), store.MaxFactKind)
	c.filled("id", f.ID, store.MaxFactID)
	if f.Lifted {
		c.fail("fact", "is lifted, which only the writer does")
	}
	if f.Epoch < 0 {
		c.fail("epoch", "is negative")
	}
}
