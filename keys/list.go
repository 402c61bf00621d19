package keys

import (
	"cmp"
	"slices"
	"time"
)

// Listed is a key of the ring as monitoring shows it: nothing of it is secret.
type Listed struct {
	KeyID       string
	Site        string
	Algorithm   Algorithm
	State       State     // as this node obeys it: Staged, Published, Active or Retiring
	ActivatedAt time.Time // UTC; zero while it has not signed
}

// SiteOf returns the site that a key belongs to by its manifest, whatever has
// become of the key; empty if none is believed.
func (r *Ring) SiteOf(keyID string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.entries[keyID]; e != nil && e.refused == nil {
		return e.record.Site
	}
	return ""
}

// Serves reports whether the key is in the key set that this node serves now.
func (r *Ring) Serves(keyID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.held(), func(h held) bool { return h.KeyID == keyID && h.public() })
}

// Keys returns every key that has not ended, those of other sites included, in
// the order of their kids. It asks nobody.
func (r *Ring) Keys() []Listed {
	r.mu.Lock()
	defer r.mu.Unlock()
	var listed []Listed
	for _, h := range r.held() {
		if !h.gone() {
			listed = append(listed, Listed{
				KeyID: h.KeyID, Site: h.Site, Algorithm: h.Algorithm, State: h.State, ActivatedAt: h.ActivatedAt,
			})
		}
	}
	slices.SortFunc(listed, func(a, b Listed) int { return cmp.Compare(a.KeyID, b.KeyID) })
	return listed
}
