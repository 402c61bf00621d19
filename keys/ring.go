package keys

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bongsu/bongsu/keys/reload"
)

// Document is a prepared answer. Its bytes must not be changed.
type Document struct {
	Body []byte
	ETag string // quoted
}

// Ring signs and verifies. It is safe for concurrent use; signing, verifying
// and the key set take no lock. Use [Open].
type Ring struct {
	options  Options
	gate     *reload.Gate
	wake     chan struct{} // asks Run to look at once
	standing atomic.Pointer[standing]
	current  atomic.Pointer[snapshot]

	mu        sync.Mutex
	entries   map[string]*entry    // by kid
	withdrawn map[string]struct{}  // only grows, and wins over the store
	retiring  map[string]time.Time // since when this process has seen a key retire
	asked     uint64               // numbers the reads of the store
	installed uint64               // the youngest read in entries: an older one, finishing later, must not undo it
	failing   bool                 // so that an outage is logged once
}

// standing is who this site is, and whom it believes. It is immutable.
type standing struct {
	own   *identity
	sites sites
}

// snapshot is the ring at one moment. It is immutable.
type snapshot struct {
	signers   map[Algorithm]*signer
	verifiers map[string]*entry
	jwks      Document
}

// Open loads the ring and makes what is needed to sign: the site's identity,
// and a key for each algorithm that nobody has seen before. All else is left to
// [Ring.Run], the next keys above all. It fails when the store cannot be asked,
// or does not take a key without which nothing could be signed, and when the site's
// identity cannot be unwrapped.
func Open(ctx context.Context, o Options) (*Ring, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	own, err := openIdentity(ctx, &o)
	if err != nil {
		return nil, err
	}
	r := &Ring{
		options: o, wake: make(chan struct{}, 1),
		entries: map[string]*entry{}, withdrawn: map[string]struct{}{}, retiring: map[string]time.Time{},
	}
	r.standing.Store(&standing{own: own, sites: trusted(o.SiteIdentities, own)})
	r.gate = &reload.Gate{Load: r.load, Every: reloadEvery, Timeout: reloadTimeout, Now: o.Now}
	r.rebuild()
	if err := r.advance(ctx, func(s step) bool { return s.urgent }); err != nil {
		if len(r.entries) == 0 || r.Ready() != nil {
			return nil, err
		}
		// A next key signs although nobody could write down that it does.
		o.Logger.WarnContext(ctx, "signing ring goes on with the keys it has", slog.Any("error", err))
	}
	return r, nil
}

// Sign returns a token of kind k with claims, a JSON object, as its payload:
// compact JWS (RFC 7515 7.1) with the headers alg, kid and typ. The caller has
// put the issuer into iss. [ErrNoKey]: the algorithm is not in use, or this new
// site's first key is still being published.
func (r *Ring) Sign(k Kind, a Algorithm, claims []byte) (string, error) {
	if int(k) >= kinds {
		return "", errKind
	}
	s := r.current.Load().signers[a]
	if s == nil {
		return "", fmt.Errorf("%w for %s", ErrNoKey, string(a))
	}
	return s.sign(k, claims)
}

// Ready returns nil when a token of every algorithm in use can be signed.
// [ErrNoKey]: this new site's first keys are still being published.
func (r *Ring) Ready() error {
	signers := r.current.Load().signers
	for _, a := range r.options.Algorithms {
		if signers[a] == nil {
			return fmt.Errorf("%w for %s", ErrNoKey, string(a))
		}
	}
	return nil
}

// JWKS returns the key set (RFC 7517 5): every published, active and retiring
// key of all sites, in the order of their kids, so that it is the same bytes
// wherever the same records are known. It is prepared; asking costs nothing.
func (r *Ring) JWKS() Document { return r.current.Load().jwks }

// Withdraw ends a key at once, whatever the store says of it: it is in no key
// set, signs nothing and verifies nothing from the moment Withdraw returns,
// and the next key signs instead. There is no way back in this process.
// Withdrawing a key again, or one that is not known yet, is no error. The ring
// forgets it with the process: whoever keeps the negative facts says it again.
func (r *Ring) Withdraw(keyID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, done := r.withdrawn[keyID]; done {
		return
	}
	r.withdrawn[keyID] = struct{}{}
	r.rebuild()
	select {
	case r.wake <- struct{}{}: // Run writes it down and makes the next key
	default:
	}
}

func (r *Ring) isWithdrawn(keyID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, withdrawn := r.withdrawn[keyID]
	return withdrawn
}

// held returns all keys as the planner sees them. The caller holds mu.
func (r *Ring) held() []held {
	all := make([]held, 0, len(r.entries))
	for _, e := range r.entries {
		_, withdrawn := r.withdrawn[e.record.KeyID]
		all = append(all, e.held(withdrawn))
	}
	return all
}

// rebuild makes the snapshot anew. The caller holds mu, or nobody else has the
// ring yet.
func (r *Ring) rebuild() {
	next := &snapshot{signers: map[Algorithm]*signer{}, verifiers: map[string]*entry{}}
	all := r.held()
	for _, l := range lines(all, r.options.policy()) {
		if h := l.signing(); h != nil {
			next.signers[l.algorithm] = r.entries[h.KeyID].signer
		}
	}
	for i := range all {
		if all[i].public() {
			next.verifiers[all[i].KeyID] = r.entries[all[i].KeyID]
		}
	}
	next.jwks = keySet(next.verifiers)
	r.current.Store(next)
}

// keySet writes the key set. Its members were encoded from public keys alone.
func keySet(public map[string]*entry) Document {
	sorted := make([]*entry, 0, len(public))
	for _, e := range public {
		sorted = append(sorted, e)
	}
	slices.SortFunc(sorted, func(a, b *entry) int { return cmp.Compare(a.record.KeyID, b.record.KeyID) })
	var body bytes.Buffer
	body.WriteString(`{"keys":[`)
	for i, e := range sorted {
		if i > 0 {
			body.WriteByte(',')
		}
		body.Write(e.record.Public)
	}
	body.WriteString(`]}`)
	sum := sha256.Sum256(body.Bytes())
	return Document{Body: body.Bytes(), ETag: `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`}
}
