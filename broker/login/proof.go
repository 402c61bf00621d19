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
// first, and reports whether there was anything. Whose identity was proven and
// what the website asked for always stay.
func (l *Login) shorten() bool {
	if l.Proof != nil {
		i := &l.Proof.Identity
		switch {
		case i.Picture != "" || i.Locale != "" || i.Phone != "" || i.ACR != "" || len(i.AMR) > 0:
			i.Picture, i.Locale, i.Phone, i.PhoneVerified, i.ACR, i.AMR = "", "", "", false, "", nil
			return true
		case i.Name != "":
			i.Name = ""
			return true
		case i.Email != "":
			i.Email, i.EmailVerified = "", false
			return true
		}
	}
	if len(l.Failures) > 0 {
		l.Failures = l.Failures[1:]
		return true
	}
	return false
}
