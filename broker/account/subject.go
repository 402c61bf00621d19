package account

import (
	"crypto/hmac"
	"crypto/sha256"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/broker/store"
)

// Subject is what client c knows the account by (OpenID Connect Core 8): the
// same for all clients, or one per sector. It is "u_" and 26 letters and
// digits, derives from the account's immutable seed alone and cannot be turned
// back into it.
func (d *Directory) Subject(a store.Account, c *client.Client) string {
	var sum []byte
	if c.Subject == client.SubjectPairwise {
		mac := hmac.New(sha256.New, d.salt)
		mac.Write(a.Seed)
		mac.Write([]byte(c.Sector))
		sum = mac.Sum(nil)
	} else {
		mac := hmac.New(sha256.New, a.Seed)
		mac.Write([]byte("bongsu public subject"))
		sum = mac.Sum(nil)
	}
	return "u_" + id.Text(sum[:16])
}
