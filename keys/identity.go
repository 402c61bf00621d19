package keys

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
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
	candidate, err := newIdentity(o)
	if err != nil {
		return nil, err
	}
	stored, err := o.Store.EnsureSiteIdentity(ctx, candidate)
	if err != nil {
		return nil, fmt.Errorf("read identity of site %s: %w", o.Site, err)
	}
	seed, err := o.Wrap.Unwrap(identityContext(stored), stored.Wrapped)
	if err != nil {
		return nil, fmt.Errorf("identity of site %s: is this the site key it was made with? %w", o.Site, err)
	}
	defer clear(seed)
	// The wrapping has bound the seed to this site and public key.
	if len(seed) != ed25519.SeedSize || stored.Site != o.Site {
		return nil, fmt.Errorf("identity of site %s: the stored record is damaged", o.Site)
	}
	own := &identity{site: o.Site, private: ed25519.NewKeyFromSeed(seed)}
	if named, ok := o.SiteIdentities[o.Site]; ok && !slices.ContainsFunc(named, func(k ed25519.PublicKey) bool { return k.Equal(own.public()) }) {
		return nil, errors.New("keys: the configuration names another identity for this site than its stored one")
	}
	return own, nil
}

func newIdentity(o *Options) (IdentityRecord, error) {
	public, private, err := ed25519.GenerateKey(o.Rand)
	if err != nil {
		return IdentityRecord{}, fmt.Errorf("generate identity: %w", err)
	}
	record := IdentityRecord{Site: o.Site, Public: public, CreatedAt: o.Now().UTC().Truncate(time.Second)}
	if record.Wrapped, err = o.Wrap.Wrap(identityContext(record), private.Seed()); err != nil {
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

// trusted returns the identities of all sites, own included.
func trusted(o *Options, own *identity) sites {
	all := sites{}
	for site, public := range o.SiteIdentities {
		all[site] = slices.Clone(public)
	}
	if !slices.ContainsFunc(all[own.site], func(k ed25519.PublicKey) bool { return k.Equal(own.public()) }) {
		all[own.site] = append(all[own.site], own.public())
	}
	return all
}
