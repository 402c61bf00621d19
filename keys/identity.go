package keys

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/bongsu/bongsu/keys/wrap"
)

// identity is this site's own: it signs what the site says about itself.
type identity struct {
	site    string
	private ed25519.PrivateKey
}

func (i *identity) public() ed25519.PublicKey {
	return ed25519.PublicKey(i.private[ed25519.PrivateKeySize-ed25519.PublicKeySize:])
}

// openIdentity reads the identity of o's site, or makes it when the site has
// none yet.
func openIdentity(ctx context.Context, o *Options) (*identity, error) {
	candidate, err := newIdentity(o.Site, o.Wrap, o.Rand, o.Now)
	if err != nil {
		return nil, err
	}
	stored, err := o.Store.EnsureSiteIdentity(ctx, candidate)
	if err != nil {
		return nil, fmt.Errorf("read identity of site %s: %w", o.Site, err)
	}
	own, err := unwrapIdentity(stored, o.Site, o.Wrap)
	if err != nil {
		return nil, err
	}
	if named, ok := o.SiteIdentities[o.Site]; ok && !names(named, own.public()) {
		return nil, errors.New("keys: the configuration names another identity for this site than its stored one")
	}
	return own, nil
}

// names reports whether public is among identities.
func names(identities []ed25519.PublicKey, public ed25519.PublicKey) bool {
	return slices.ContainsFunc(identities, func(k ed25519.PublicKey) bool { return k.Equal(public) })
}

// unwrapIdentity opens a stored identity of site.
func unwrapIdentity(stored IdentityRecord, site string, w *wrap.Key) (*identity, error) {
	seed, err := w.Unwrap(identityContext(stored), stored.Wrapped)
	if err != nil {
		return nil, fmt.Errorf("identity of site %s: is this the site key it was made with? %w", site, err)
	}
	defer clear(seed)
	// The wrapping has bound the seed to this site and public key.
	if len(seed) != ed25519.SeedSize || stored.Site != site {
		return nil, fmt.Errorf("identity of site %s: the stored record is damaged", site)
	}
	return &identity{site: site, private: ed25519.NewKeyFromSeed(seed)}, nil
}

// newIdentity makes an identity that is not stored yet.
func newIdentity(site string, w *wrap.Key, rand io.Reader, now func() time.Time) (IdentityRecord, error) {
	public, private, err := ed25519.GenerateKey(rand)
	if err != nil {
		return IdentityRecord{}, fmt.Errorf("generate identity: %w", err)
	}
	record := IdentityRecord{Site: site, State: Active, Public: public, CreatedAt: now().UTC().Truncate(time.Second)}
	if record.Wrapped, err = w.Wrap(identityContext(record), private.Seed()); err != nil {
		return IdentityRecord{}, fmt.Errorf("wrap identity: %w", err)
	}
	return record, nil
}

func identityContext(r IdentityRecord) string {
	return "site identity " + r.Site + " " + base64.RawURLEncoding.EncodeToString(r.Public)
}

const identityPrefix = "ed25519:"

// ErrIdentity means that a text is no public key of a site's identity.
var ErrIdentity = errors.New("keys: not a site's identity")

// FormatIdentity writes the public key of a site's identity as configurations
// name it: "ed25519:" and 43 characters of base64url.
func FormatIdentity(public ed25519.PublicKey) string {
	return identityPrefix + base64.RawURLEncoding.EncodeToString(public)
}

// ParseIdentity reads what [FormatIdentity] wrote. [ErrIdentity].
func ParseIdentity(text string) (ed25519.PublicKey, error) {
	encoded, ok := strings.CutPrefix(text, identityPrefix)
	if !ok || strings.ContainsAny(encoded, "\r\n") { // the decoder would skip them
		return nil, ErrIdentity
	}
	public, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || len(public) != ed25519.PublicKeySize {
		return nil, ErrIdentity
	}
	return public, nil
}

// sites are the identities whose manifests are believed.
type sites map[string][]ed25519.PublicKey

// trusted returns the identities of all sites, own included: it is the store's,
// and only who has the site key can have put it there.
func trusted(named map[string][]ed25519.PublicKey, own *identity) sites {
	all := sites{}
	for site, public := range named {
		all[site] = slices.Clone(public)
	}
	if !names(all[own.site], own.public()) {
		all[own.site] = append(all[own.site], own.public())
	}
	return all
}
