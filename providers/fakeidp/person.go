package fakeidp

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// DefaultPerson signs in where the page names nobody: someone whom no website
// knows until they were here once.
const DefaultPerson = "haru"

// maxPerson bounds the name in person=, in bytes.
const maxPerson = 64

// Person is somebody with accounts at the upstreams.
type Person struct {
	Name string // what person= says; at most 64 bytes

	FullName   string
	GivenName  string
	FamilyName string
	Nickname   string
	Email      string // empty: has none, or shares none
	Unverified bool   // the upstream did not check the address
	Phone      string // E.164
	Picture    string // https URL
	Locale     string // BCP 47

	// At lists the upstreams whose page offers this person; nil is every one.
	// By person= anybody can be chosen anywhere.
	At []string

	// Subjects replace derived subjects, by upstream name.
	Subjects map[string]string
}

func knownPeople() []Person {
	return []Person{
		{
			Name: "minji", FullName: "김민지", GivenName: "민지", FamilyName: "김", Nickname: "민지",
			Email: "minji@example.com", Phone: "+821012345678", Picture: "https://img.example/minji.png", Locale: "ko",
			At: []string{string(Kakao), string(Naver)},
		},
		{
			Name: "solo", FullName: "박솔로", GivenName: "솔로", FamilyName: "박", Nickname: "솔로",
			Email: "solo@example.com", Phone: "+821087654321", Picture: "https://img.example/solo.png", Locale: "ko",
			At: []string{string(Kakao)},
		},
		{
			Name: DefaultPerson, FullName: "이하루", GivenName: "하루", FamilyName: "이", Nickname: "하루",
			Email: "haru@example.com", Phone: "+821055550100", Picture: "https://img.example/haru.png", Locale: "ko",
		},
	}
}

// Subject returns the subject of a person at the upstream that is named like
// its dialect ("kakao", "naver", "google", "apple"), the same in every process.
// At upstreams with other names ask [Upstream.Subject].
func Subject(provider, person string) string {
	d := dialects[Dialect(provider)]
	if d == nil {
		d = dialects[OpenID]
	}
	return d.subjectOf(provider, person)
}

func (d *dialect) subjectOf(upstream, person string) string {
	if fixed, ok := d.fixed[person]; ok {
		return fixed
	}
	return d.subject(sha256.Sum256([]byte("subject\x00" + upstream + "\x00" + person)))
}

// PersonNamed returns the profile of anybody: the known people, those of
// Options, or somebody plausible made up from the name. The empty name is
// [DefaultPerson].
func (s *Server) PersonNamed(name string) Person {
	name = cmp.Or(name, DefaultPerson)
	if i := slices.IndexFunc(s.people, func(p Person) bool { return p.Name == name }); i >= 0 {
		return s.people[i]
	}
	return stranger(name)
}

var mailbox = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

func stranger(name string) Person {
	sum := sha256.Sum256([]byte("stranger\x00" + name))
	tag := hex.EncodeToString(sum[:6])
	p := Person{
		Name: name, FullName: name, GivenName: name, Nickname: name, Email: tag + "@example.com",
		Picture: "https://img.example/" + tag + ".png", Locale: "ko",
	}
	if mailbox.MatchString(name) {
		p.GivenName = strings.ToUpper(name[:1]) + name[1:]
		p.FamilyName = "Kim"
		p.FullName = p.GivenName + " Kim"
		p.Nickname = p.GivenName
		p.Email = strings.ToLower(name) + "@example.com"
		p.Locale = "en"
	}
	return p
}

// personFrom reads person=, which anybody may write.
func (s *Server) personFrom(name string) (Person, bool) {
	if len(name) > maxPerson || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return Person{}, false
	}
	return s.PersonNamed(name), true
}
