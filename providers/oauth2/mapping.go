package oauth2

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bongsu/bongsu/providers"
)

// Mapping says where the answers of a provider that nobody knows by name hold
// what: for each of [Fields] the path of a member. A path is a member's name, or
// names and numbers with dots between for what lies in objects and arrays:
// "account.emails.0.address". A name that itself holds dots is found first.
type Mapping map[string]string

// Fields are what a mapping may name, and where it is looked for unless named:
// the standard claims (OpenID Connect Core 5.1). The subject has no default.
var fields = map[string]string{
	"subject":        "",
	"name":           "name",
	"email":          "email",
	"email_verified": "email_verified",
	"phone":          "phone_number",
	"phone_verified": "phone_number_verified",
	"picture":        "picture",
	"locale":         "locale",
}

// Fields returns the names that a mapping may hold, sorted.
func Fields() []string { return slices.Sorted(maps.Keys(fields)) }

const maxMappedName = 120 // characters

var path = regexp.MustCompile(`^[^.\x00-\x20\x7f]{1,64}(\.[^.\x00-\x20\x7f]{1,64}){0,7}$`)

// CheckPath reports whether text can be the path of a member: at most 8 names of
// at most 64 bytes, without spaces and control characters.
func CheckPath(text string) error {
	if len(text) > 256 || !path.MatchString(text) {
		return errors.New("no path of member names with dots between")
	}
	return nil
}

func (m Mapping) validate() error {
	var problems []error
	for _, field := range slices.Sorted(maps.Keys(m)) {
		if _, known := fields[field]; !known {
			problems = append(problems, fmt.Errorf("no claim is called %q; known are %s", field, strings.Join(Fields(), ", ")))
		}
		if err := CheckPath(m[field]); err != nil {
			problems = append(problems, fmt.Errorf("claim %s: %w", field, err))
		}
	}
	return errors.Join(problems...)
}

// at returns a document that holds the member of a field, and its name there.
func (m Mapping) at(d Document, field string) (Document, string) {
	return d.Find(cmp.Or(m[field], fields[field]))
}

// Identity reads who the answer of a profile endpoint is about. The subject is
// text, or a whole number of any size.
func (m Mapping) Identity(d Document) providers.Identity {
	holder, name := m.at(d, "subject")
	identity := providers.Identity{Subject: holder.ID(name)}
	m.Fill(d, &identity)
	return identity
}

// Fill takes the profile that d holds and leaves the rest of identity as it is.
// An address and whether it was checked are taken from the same answer, so that
// one never vouches for another's.
func (m Mapping) Fill(d Document, identity *providers.Identity) {
	raw := func(field string) string {
		holder, name := m.at(d, field)
		return holder.Raw(name)
	}
	says := func(field string) bool {
		holder, name := m.at(d, field)
		return holder.Bool(name)
	}
	if text := Clean(raw("name"), maxMappedName); text != "" {
		identity.Name = text
	}
	if email := Email(raw("email")); email != "" {
		identity.Email, identity.EmailVerified = email, says("email_verified")
	}
	if phone := Phone(raw("phone")); phone != "" {
		identity.Phone, identity.PhoneVerified = phone, says("phone_verified")
	}
	if picture := Picture(raw("picture")); picture != "" {
		identity.Picture = picture
	}
	if locale := Locale(raw("locale")); locale != "" {
		identity.Locale = locale
	}
}

// NewMapped returns a provider whose people are what m finds in the answer of
// the userinfo endpoint. M must name the subject.
func NewMapped(o Options, m Mapping) (*Provider, error) {
	problem := m.validate()
	if m["subject"] == "" {
		problem = errors.Join(problem, errors.New("no claim is named for the subject"))
	}
	if problem != nil {
		return nil, fmt.Errorf("provider %q: %w", o.Instance.ID, problem)
	}
	return New(o, func(d Document) (providers.Identity, error) {
		identity := m.Identity(d)
		if identity.Subject == "" && identity.Name == "" && identity.Email == "" {
			return providers.Identity{}, Refuse(providers.Unknown, "the profile names nobody")
		}
		return identity, nil
	})
}

// CheckMapping names every problem of a mapping whose subject is known
// otherwise, from an ID token.
func CheckMapping(m Mapping) error {
	problem := m.validate()
	if m["subject"] != "" {
		problem = errors.Join(problem, errors.New("the subject is the ID token's sub and cannot be named"))
	}
	return problem
}

// Find returns the object or array that holds the member at a path (see
// [Mapping]) and the member's name in it, for the other methods: nil, "" where
// there is none. What it finds in an array is held under an empty name.
func (d Document) Find(path string) (Document, string) {
	if _, ok := d[path]; ok {
		return d, path
	}
	name, rest, deeper := strings.Cut(path, ".")
	raw, ok := d[name]
	if !ok || !deeper {
		return nil, ""
	}
	if inner, err := ParseDocument(raw); err == nil {
		return inner.Find(rest)
	}
	for {
		index, after, more := strings.Cut(rest, ".")
		item, ok := element(raw, index)
		switch {
		case !ok:
			return nil, ""
		case !more:
			return Document{"": item}, ""
		}
		if inner, err := ParseDocument(item); err == nil {
			return inner.Find(after)
		}
		raw, rest = item, after
	}
}

// element returns one item of an array.
func element(raw []byte, index string) ([]byte, bool) {
	n, err := strconv.ParseUint(index, 10, 8)
	if err != nil {
		return nil, false
	}
	items, err := parseArray(raw)
	if err != nil || int(n) >= len(items) {
		return nil, false
	}
	return items[n], true
}
