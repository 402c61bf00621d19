package account

import (
	"context"

	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/providers"
)

// filled gives an account the profile that its provider could not tell when it
// was opened. It never ends a login: what cannot be written now is told again
// at the next one.
func (d *Directory) filled(ctx context.Context, found store.Account, identity providers.Identity) store.Account {
	if found.Name != "" || found.Email != "" || found.Phone != "" {
		return found
	}
	if identity.Name == "" && identity.Email == "" && identity.Phone == "" {
		return found
	}
	whole := found
	describe(&whole, identity)
	whole.UpdatedAt = d.now().UTC()
	if d.records.FillProfile(ctx, whole) != nil {
		return found
	}
	return whole
}

// describe makes what a provider tells of a person the account's own: what it
// says later does not change it.
func describe(a *store.Account, identity providers.Identity) {
	a.Name, a.Picture, a.Locale = identity.Name, identity.Picture, identity.Locale
	a.Email, a.EmailVerified = identity.Email, identity.EmailVerified
	a.Phone, a.PhoneVerified = identity.Phone, identity.PhoneVerified
}
