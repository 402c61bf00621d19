package openid

import (
	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/oauth2"
)

// Bounds of what is taken from a profile, in characters.
const (
	maxName = 120
	maxACR  = 128
	maxAMR  = 16
)

// Standard takes the standard claims (OpenID Connect Core 5.1) that d holds and
// leaves the rest of identity as it is. An address and whether it was checked
// are taken together, so that one document never vouches for another's.
func Standard(d oauth2.Document, identity *providers.Identity) {
	for _, name := range []string{"name", "nickname"} {
		if text := d.Text(name, maxName); text != "" {
			identity.Name = text
			break
		}
	}
	if email := oauth2.Email(d.Raw("email")); email != "" {
		identity.Email, identity.EmailVerified = email, d.Bool("email_verified")
	}
	if phone := oauth2.Phone(d.Raw("phone_number")); phone != "" {
		identity.Phone, identity.PhoneVerified = phone, d.Bool("phone_number_verified")
	}
	if picture := oauth2.Picture(d.Raw("picture")); picture != "" {
		identity.Picture = picture
	}
	if locale := oauth2.Locale(d.Raw("locale")); locale != "" {
		identity.Locale = locale
	}
}

// Mapped returns [Quirks].Claims and [Quirks].Profile for a provider whose
// documents hold the profile where m says. The userinfo answer is bound to the
// ID token's subject as ever.
func Mapped(m oauth2.Mapping) (claims func(oauth2.Document, providers.Return, *providers.Identity), profile func(oauth2.Document, *providers.Identity) error) {
	claims = func(d oauth2.Document, _ providers.Return, identity *providers.Identity) { m.Fill(d, identity) }
	profile = func(d oauth2.Document, identity *providers.Identity) error {
		if err := sameSubject(d, identity); err != nil {
			return err
		}
		m.Fill(d, identity)
		return nil
	}
	return claims, profile
}

// StandardProfile is [Quirks].Profile of a provider that keeps to the standard:
// an answer about the ID token's subject, with [Standard] claims.
func StandardProfile(answer oauth2.Document, identity *providers.Identity) error {
	if err := sameSubject(answer, identity); err != nil {
		return err
	}
	Standard(answer, identity)
	return nil
}

// sameSubject is OpenID Connect Core 5.3.2: an answer about someone else must
// not be used. That it comes at all, after our own redemption, is beyond an
// accident.
func sameSubject(answer oauth2.Document, identity *providers.Identity) error {
	switch sub, present := answer["sub"]; {
	case !present:
		return oauth2.Refuse(providers.Unknown, "the userinfo answer does not say who it is about")
	case sub == nil || answer.Raw("sub") != identity.Subject:
		return oauth2.Refuse(providers.Trust, "the userinfo answer is about someone else")
	}
	return nil
}

func acr(claims oauth2.Document) string { return claims.Text("acr", maxACR) }

func amr(claims oauth2.Document) []string {
	var methods []string
	for _, method := range claims.Texts("amr") {
		if method = oauth2.Clean(method, maxACR); method != "" && len(methods) < maxAMR {
			methods = append(methods, method)
		}
	}
	return methods
}
