package continuation

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"slices"
	"time"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/store"
)

// Device is what is known of one person in one browser at one website.
type Device struct {
	Client    string   `json:"c"`           // client id
	Account   string   `json:"a"`           // account id
	Epoch     int64    `json:"e"`           // the account's then
	SID       string   `json:"d"`           // of the session that the login made or used
	Provider  string   `json:"p"`           // instance id of the way that proved the identity
	Identity  []byte   `json:"i"`           // see identify
	Subject   string   `json:"b"`           // as the website knows the account
	Scope     []string `json:"s,omitempty"` // that the person let the website have
	Profile   Profile  `json:"k"`           // of it, what the account said
	At        int64    `json:"t"`           // when the identity was proven and the login completed, Unix seconds
	Watermark int64    `json:"w"`           // of the negative facts known to the node then
}

// Profile is what an account says of a person. Only what the scope allows is kept.
type Profile struct {
	Name          string `json:"n,omitempty"`
	Email         string `json:"e,omitempty"`
	EmailVerified bool   `json:"ev,omitempty"`
	Phone         string `json:"f,omitempty"`
	PhoneVerified bool   `json:"fv,omitempty"`
	Locale        string `json:"l,omitempty"`
	Updated       int64  `json:"u,omitempty"` // Unix seconds
	Language      string `json:"g,omitempty"` // of pages
}

// NewDevice is what is to be remembered of a login at c that found account a, for
// scope and by an identity that was proven at that time. subject is a's at c.
func NewDevice(c *client.Client, a store.Account, subject, sid string, key store.IdentityKey, scope []string, at time.Time) Device {
	d := Device{
		Client: c.ID, Account: a.ID, Epoch: a.Epoch, SID: sid, Provider: key.Provider, Identity: identify(key),
		Subject: subject, Scope: slices.Clone(scope), At: at.Unix(), Profile: Profile{Language: a.Language},
	}
	if slices.Contains(scope, "profile") {
		d.Profile.Name, d.Profile.Locale, d.Profile.Updated = a.Name, a.Locale, a.UpdatedAt.Unix()
	}
	if slices.Contains(scope, "email") {
		d.Profile.Email, d.Profile.EmailVerified = a.Email, a.EmailVerified
	}
	if slices.Contains(scope, "phone") {
		d.Profile.Phone, d.Profile.PhoneVerified = a.Phone, a.PhoneVerified
	}
	return d
}

// Matches reports whether an identity that was proven just now is the one that was
// remembered. It takes the same time whatever the answer.
func (d Device) Matches(key store.IdentityKey) bool {
	return subtle.ConstantTimeCompare(d.Identity, identify(key)) == 1
}

// Known is the account as far as the device knows it. It has no seed: its subject
// is [Device.Subject], and no other can be made.
func (d Device) Known() store.Account {
	p := d.Profile
	return store.Account{
		ID: d.Account, Epoch: d.Epoch, Name: p.Name, Email: p.Email, EmailVerified: p.EmailVerified,
		Phone: p.Phone, PhoneVerified: p.PhoneVerified, Locale: p.Locale, Language: p.Language, UpdatedAt: time.Unix(p.Updated, 0).UTC(),
	}
}

// Granted is what the website gets of what it asks for: what the person let it have
// before, and nothing that goes on by itself.
func (d Device) Granted(asked []string) []string {
	return slices.DeleteFunc(slices.Clone(asked), func(s string) bool {
		return s == "offline_access" || !slices.Contains(d.Scope, s)
	})
}

// identify is SHA-256 of an identity; the length of the provider's id stands in
// front, so that no two identities are written alike.
func identify(key store.IdentityKey) []byte {
	var length [2]byte
	binary.BigEndian.PutUint16(length[:], uint16(min(len(key.Provider), 1<<16-1)))
	h := sha256.New()
	h.Write([]byte("bongsu continuation v1"))
	h.Write(length[:])
	h.Write([]byte(key.Provider))
	h.Write([]byte(key.Subject))
	return h.Sum(nil)
}

// shorten leaves out what a person can be known without, and reports whether there
// was anything.
func (d *Device) shorten() bool {
	p := &d.Profile
	switch {
	case p.Locale != "":
		p.Locale = ""
	case p.Phone != "":
		p.Phone, p.PhoneVerified = "", false
	case p.Name != "":
		p.Name = ""
	case p.Email != "":
		p.Email, p.EmailVerified = "", false
	default:
		return false
	}
	return true
}
