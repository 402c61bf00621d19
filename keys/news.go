package keys

import (
	"crypto"
	"crypto/ed25519"
	"fmt"
)

const (
	// MaxNews is the longest message, in bytes, that a site signs or verifies
	// as its news.
	MaxNews = 64 << 10

	maxPurpose = 64
)

// SignNews signs message with this site's identity and returns the signature,
// 64 bytes. Purpose, 1 to 64 printable characters of ASCII, says what kind of
// thing the message is: the signature is good for that purpose, and for this
// site, alone. It is Ed25519ctx (RFC 8032 5.1), so that nothing else that an
// identity signs, manifests above all, can be taken for news. All nodes of a
// site sign alike; who wrote the message must stand in it. The error means that
// purpose or message is out of bounds.
func (r *Ring) SignNews(purpose string, message []byte) ([]byte, error) {
	own := r.standing.Load().own
	if !fitsNews(purpose, message) {
		return nil, fmt.Errorf("keys: %d bytes of news with the purpose %q are out of bounds", len(message), purpose)
	}
	signature, err := own.private.Sign(nil, message, newsOptions(own.site, purpose))
	if err != nil {
		return nil, fmt.Errorf("sign news: %w", err)
	}
	return signature, nil
}

// VerifyNews reports whether one of the identities of site signed message for
// purpose. It is false for a site that is not one of ours; no store is asked,
// and no lock is taken.
func (r *Ring) VerifyNews(site, purpose string, message, signature []byte) bool {
	if len(signature) != ed25519.SignatureSize || !fitsNews(purpose, message) {
		return false
	}
	for _, public := range r.standing.Load().sites[site] {
		if ed25519.VerifyWithOptions(public, message, signature, newsOptions(site, purpose)) == nil {
			return true
		}
	}
	return false
}

func newsOptions(site, purpose string) *ed25519.Options {
	return &ed25519.Options{Hash: crypto.Hash(0), Context: "bongsu news\x00" + site + "\x00" + purpose}
}

func fitsNews(purpose string, message []byte) bool {
	if purpose == "" || len(purpose) > maxPurpose || len(message) > MaxNews {
		return false
	}
	for i := range len(purpose) {
		if purpose[i] < ' ' || purpose[i] > '~' {
			return false
		}
	}
	return true
}
