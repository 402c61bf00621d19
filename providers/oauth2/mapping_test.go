package oauth2

import (
	"strings"
	"testing"

	"github.com/bongsu/bongsu/providers"
)

func TestFind(t *testing.T) {
	d, err := ParseDocument([]byte(`{"id":1,"a.b":"dotted","a":{"b":"deep","c":[{"d":"x"},["y",{"z":2}]]},"n":null,"e":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"id": "1", "a.b": "dotted", "a.c.0.d": "x", "a.c.1.0": "y", "a.c.1.1.z": "2",
		"": "", "a": "", "a.c": "", "a.c.0": "", "a.c.2.d": "", "a.c.-1": "", "a.c.x": "", "a.c.0.d.e": "", "id.x": "", "n.x": "", "e.x": "", "missing": "", "a.": "", ".a": "",
	} {
		holder, name := d.Find(path)
		if got := holder.ID(name); got != want {
			t.Errorf("%q leads to %q, want %q", path, got, want)
		}
	}
}

func TestCheckPath(t *testing.T) {
	for path, ok := range map[string]bool{
		"id": true, "a.b.0.c": true, "https://id": true, "이름": true,
		"": false, ".": false, "a.": false, ".a": false, "a..b": false, "a b": false, "a\nb": false,
		strings.Repeat("a.", 8) + "a": false, strings.Repeat("a", 65): false,
	} {
		if err := CheckPath(path); (err == nil) != ok {
			t.Errorf("CheckPath(%q) = %v", path, err)
		}
	}
}

// A document that names a member twice, or goes on behind its end, is none.
func TestStrictDocuments(t *testing.T) {
	for body, ok := range map[string]bool{
		`{}`: true, ` {"a":1} `: true, `{"a":1,"A":2}`: true, `{"a":{"b":1,"b":2}}`: true, // the inner one is refused when it is read
		`{"a":1,"a":2}`: false, `{"a":1,"\u0061":2}`: false, `{"a":1}{"b":2}`: false, `{"a":1},`: false, `{"a":1`: false, `{"a"}`: false,
		`{"a":1,}`: false, `{'a':1}`: false, `[]`: false, `null`: false, ``: false, `{"a":01}`: false,
	} {
		d, err := ParseDocument([]byte(body))
		if (err == nil) != ok {
			t.Errorf("%s: %v, %v", body, d, err)
		}
	}
	d, err := ParseDocument([]byte(`{"a":{"b":1,"b":2}}`))
	if err != nil || d.Object("a") != nil {
		t.Errorf("an inner document with a doubled member: %v, %v", d.Object("a"), err)
	}
}

func FuzzMapping(f *testing.F) {
	f.Add(`{"user":{"id":9007199254740993,"emails":[{"address":"a@example.com","ok":true}]}}`, "user.id", "user.emails.0.address")
	f.Add(`{"id":"x","email":"a@example.com","email_verified":"true"}`, "id", "email")
	f.Add(`[]`, "a.b", "0")
	f.Fuzz(func(t *testing.T, body, subject, email string) {
		m := Mapping{"subject": subject, "email": email}
		d, err := ParseDocument([]byte(body))
		if err != nil || m.validate() != nil {
			return
		}
		identity := m.Identity(d)
		if identity.EmailVerified && identity.Email == "" || identity.PhoneVerified && identity.Phone == "" {
			t.Errorf("something is verified that is not there: %+v", identity)
		}
		if strings.ContainsAny(identity.Name+identity.Email+identity.Phone+identity.Picture+identity.Locale, "\x00\r\n\u202e") {
			t.Errorf("identity %+v", identity)
		}
		again := providers.Identity{Subject: identity.Subject}
		m.Fill(d, &again)
		if again.Email != identity.Email || again.EmailVerified != identity.EmailVerified {
			t.Errorf("filled %+v, then %+v", identity, again)
		}
	})
}
