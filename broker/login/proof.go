package login

import (
	"encoding/json"
	"time"

	"github.com/bongsu/bongsu/providers"
)

// Proof is an identity proven in this login, waiting for the person's word on
// whose it is.
type Proof struct {
	Identity providers.Identity
	At       int64 // when it was proven, Unix seconds
}

// freshLife bounds the age of every proof that a change of an account rests on.
const freshLife = 5 * time.Minute

// recent reports whether there is a proof that an account may be changed by: it
// was given within [freshLife], and the provider itself does not say that it
// rests on an older one.
func (p *Proof) recent(now time.Time) bool {
	if p == nil || now.Sub(time.Unix(p.At, 0)) > freshLife {
		return false
	}
	const leeway = time.Minute // between the provider's clock and ours, and for the way back
	given := p.Identity.AuthTime
	return given.IsZero() || now.Sub(given) <= freshLife+leeway
}

// same reports whether both proofs are of one identity.
func (p *Proof) same(other *Proof) bool {
	return p != nil && other != nil &&
		p.Identity.Provider == other.Identity.Provider && p.Identity.Subject == other.Identity.Subject
}

// sealedProof is how a proof is written: in few bytes, because it shares a
// cookie with a request of up to 2,000.
type sealedProof struct {
	At             int64    `json:"t"`
	Provider       string   `json:"p"`
	Subject        string   `json:"s"`
	Name           string   `json:"n,omitempty"`
	Email          string   `json:"e,omitempty"`
	EmailVerified  bool     `json:"ev,omitempty"`
	Phone          string   `json:"f,omitempty"`
	PhoneVerified  bool     `json:"fv,omitempty"`
	Picture        string   `json:"i,omitempty"`
	Locale         string   `json:"l,omitempty"`
	AuthTime       int64    `json:"a,omitempty"` // Unix seconds
	ACR            string   `json:"c,omitempty"`
	AMR            []string `json:"m,omitempty"`
	ProfileMissing bool     `json:"x,omitempty"`
}

// MarshalJSON implements [json.Marshaler].
func (p Proof) MarshalJSON() ([]byte, error) {
	i := p.Identity
	s := sealedProof{
		At: p.At, Provider: i.Provider, Subject: i.Subject, Name: i.Name,
		Email: i.Email, EmailVerified: i.EmailVerified, Phone: i.Phone, PhoneVerified: i.PhoneVerified,
		Picture: i.Picture, Locale: i.Locale, ACR: i.ACR, AMR: i.AMR, ProfileMissing: i.ProfileMissing,
	}
	if !i.AuthTime.IsZero() {
		s.AuthTime = i.AuthTime.Unix()
	}
	return json.Marshal(s)
}

// UnmarshalJSON implements [json.Unmarshaler].
func (p *Proof) UnmarshalJSON(text []byte) error {
	var s sealedProof
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	*p = Proof{At: s.At, Identity: providers.Identity{
		Provider: s.Provider, Subject: s.Subject, Name: s.Name,
		Email: s.Email, EmailVerified: s.EmailVerified, Phone: s.Phone, PhoneVerified: s.PhoneVerified,
		Picture: s.Picture, Locale: s.Locale, ACR: s.ACR, AMR: s.AMR, ProfileMissing: s.ProfileMissing,
	}}
	if s.AuthTime != 0 {
		p.Identity.AuthTime = time.Unix(s.AuthTime, 0).UTC()
	}
	return nil
}

// shorten leaves out of the login what it can do without, the least needed
// first, and reports whether there was anything. Whose identity was proven last
// and what the website asked for always stay.
func (l *Login) shorten() bool {
	for _, p := range []*Proof{l.Proof, l.New, l.Owner} {
		if p != nil && p.shorten() {
			return true
		}
	}
	if len(l.Failures) > 0 {
		l.Failures = l.Failures[1:]
		return true
	}
	if l.Proof != nil && l.New != nil {
		l.New = nil // the login goes on, without what it could have linked
		return true
	}
	return false
}

func (p *Proof) shorten() bool {
	i := &p.Identity
	switch {
	case i.Picture != "" || i.Locale != "" || i.Phone != "" || i.ACR != "" || len(i.AMR) > 0:
		i.Picture, i.Locale, i.Phone, i.PhoneVerified, i.ACR, i.AMR = "", "", "", false, "", nil
	case i.Name != "":
		i.Name = ""
	case i.Email != "":
		i.Email, i.EmailVerified = "", false
	default:
		return false
	}
	return true
}
