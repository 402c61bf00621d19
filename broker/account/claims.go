package account

import (
	"slices"

	"github.com/bongsu/bongsu/broker/store"
)

// Claims is what a website may see of an account (OpenID Connect Core 5.1,
// 5.4). What is unknown or was not asked for is left out.
type Claims struct {
	Name          string `json:"name,omitempty"`
	Picture       string `json:"picture,omitempty"`
	Locale        string `json:"locale,omitempty"`
	UpdatedAt     int64  `json:"updated_at,omitempty"` // Unix seconds
	Email         string `json:"email,omitempty"`
	EmailVerified *bool  `json:"email_verified,omitempty"`
	Phone         string `json:"phone_number,omitempty"`
	PhoneVerified *bool  `json:"phone_number_verified,omitempty"`
}

// ClaimsOf returns the claims that scope asks for, and those named one by one.
func ClaimsOf(a store.Account, scope []string, names ...string) Claims {
	var c Claims
	if slices.Contains(scope, "profile") {
		c.Name, c.Picture, c.Locale = a.Name, a.Picture, a.Locale
		c.UpdatedAt = a.UpdatedAt.Unix()
	}
	if slices.Contains(scope, "email") && a.Email != "" {
		c.Email, c.EmailVerified = a.Email, &a.EmailVerified
	}
	if slices.Contains(scope, "phone") && a.Phone != "" {
		c.Phone, c.PhoneVerified = a.Phone, &a.PhoneVerified
	}
	for _, name := range names {
		c.add(a, name)
	}
	return c
}

// add gives one claim; what is unknown is left out, and so is a name that is none.
func (c *Claims) add(a store.Account, name string) {
	switch name {
	case "name":
		c.Name = a.Name
	case "picture":
		c.Picture = a.Picture
	case "locale":
		c.Locale = a.Locale
	case "updated_at":
		c.UpdatedAt = a.UpdatedAt.Unix()
	case "email":
		c.Email = a.Email
	case "email_verified":
		if a.Email != "" {
			c.EmailVerified = &a.EmailVerified
		}
	case "phone_number":
		c.Phone = a.Phone
	case "phone_number_verified":
		if a.Phone != "" {
			c.PhoneVerified = &a.PhoneVerified
		}
	}
}
