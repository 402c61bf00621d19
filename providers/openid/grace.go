package openid

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

const (
	// keyGrace is how long a key is missed that was dropped while it signed.
	keyGrace = 24 * time.Hour

	// graceLog is how often the use of such a key is told.
	graceLog = time.Minute

	// maxSigners bounds how many keys are remembered to have signed.
	maxSigners = 16
)

// grace is a key that the provider dropped from a well-formed document while it
// was the one that signs: rather the document is broken than the key bad. It is
// believed until the provider is seen to sign with another, and no longer than
// [keyGrace]. It is immutable.
type grace struct {
	kid   string
	keys  []oidc.KeySet
	since time.Time
}

// covers reports whether kid is missed now. A nil grace covers nothing.
func (g *grace) covers(kid string, now time.Time) bool {
	return g != nil && kid == g.kid && now.Sub(g.since) < keyGrace
}

// signers are the keys that were seen to sign good logins, in the order in which
// each did first. The last is the one that signs: a provider that has gone on to
// a newer key has left the older ones, and drops them on purpose.
type signers struct {
	ids  []string // oldest first
	told time.Time
}

// newest returns the key that signs, as far as was seen.
func (s *signers) newest() string {
	if len(s.ids) == 0 {
		return ""
	}
	return s.ids[len(s.ids)-1]
}

// dropped returns what is missed when found follows old: what was missed before
// and did not come back, or the key that signs if it is gone now.
func (s *signers) dropped(old, found *snapshot, o *Options) *grace {
	if old == nil {
		return nil
	}
	if late := old.late; late != nil {
		if len(found.keys[late.kid]) > 0 {
			o.Logger.Info("key is published again", slog.String("provider", o.Instance.ID), slog.String("kid", clip(late.kid)))
			return nil
		}
		return late
	}
	kid := s.newest()
	if kid == "" || len(old.keys[kid]) == 0 || len(found.keys[kid]) > 0 || o.Distrusted(kid) {
		return nil
	}
	o.Logger.Warn("key that signs logins is no longer published; it is believed for a while",
		slog.String("provider", o.Instance.ID), slog.String("kid", clip(kid)), slog.Duration("for", keyGrace))
	return &grace{kid: kid, keys: old.keys[kid], since: found.at}
}

// signed notes that a key signed a good login. One that is missed is missed no
// longer once another signs.
func (k *keySet) signed(ctx context.Context, kid string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if kid != "" {
		k.signers.note(kid)
	}
	if k.snapshot == nil || k.snapshot.late == nil {
		return
	}
	late := k.snapshot.late
	if kid != late.kid {
		without := *k.snapshot
		without.late = nil
		k.snapshot = &without
		k.o.Logger.InfoContext(ctx, "key that is no longer published is given up: another signs",
			slog.String("provider", k.o.Instance.ID), slog.String("kid", clip(late.kid)))
		return
	}
	if now := k.o.Now(); now.Sub(k.signers.told) >= graceLog {
		k.signers.told = now
		k.o.Logger.WarnContext(ctx, "login by a key that is no longer published",
			slog.String("provider", k.o.Instance.ID), slog.String("kid", clip(kid)), slog.Time("since", late.since))
	}
}

// note puts a key that signs for the first time at the end.
func (s *signers) note(kid string) {
	if slices.Contains(s.ids, kid) {
		return
	}
	s.ids = append(s.ids, kid)
	if len(s.ids) > maxSigners {
		s.ids = s.ids[1:]
	}
}

// clip makes a key id fit for a log.
func clip(kid string) string {
	const most = 64
	clean := make([]byte, 0, most)
	for i := 0; i < len(kid) && len(clean) < most; i++ {
		if c := kid[i]; c > ' ' && c < 0x7f {
			clean = append(clean, c)
		}
	}
	return string(clean)
}

// Missing returns the id of a key that signs logins and is no longer published,
// and since when. It says false when no key is missed.
func (p *Provider) Missing() (kid string, since time.Time, ok bool) {
	m := p.known.Load()
	if m == nil {
		return "", time.Time{}, false
	}
	m.keys.mu.Lock()
	defer m.keys.mu.Unlock()
	s := m.keys.snapshot
	if s == nil || s.late == nil || !s.late.covers(s.late.kid, p.o.Now()) || p.o.Distrusted(s.late.kid) {
		return "", time.Time{}, false
	}
	return s.late.kid, s.late.since, true
}
