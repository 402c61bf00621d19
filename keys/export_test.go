package keys

import (
	"context"
	"crypto/ed25519"
	"testing"
)

// Tick has the ring look at the store once, as Run does every 30 seconds.
func Tick(ctx context.Context, r *Ring) { r.tick(ctx) }

// Advance takes the steps that are due as a ring does that does not know yet
// whether its site has another identity.
func Advance(t testing.TB, r *Ring) {
	t.Helper()
	if err := r.advance(t.Context(), func(step) bool { return true }); err != nil {
		t.Fatalf("advance: %v", err)
	}
}

// SignedBy reports whether public has signed r's manifest.
func SignedBy(r Record, public ed25519.PublicKey) bool {
	_, err := sites{r.Site: {public}}.believe(r)
	return err == nil
}

// Believes reports whether the ring believes r's manifest now, or once did with
// the same identities, which seen remembers.
func Believes(ring *Ring, r Record, seen map[Seen]bool) bool {
	now := ring.standing.Load()
	about := Seen{now, string(r.Manifest)}
	if !seen[about] {
		_, err := now.sites.believe(r)
		seen[about] = err == nil
	}
	return seen[about]
}

// TestPurpose is that of the news that BelievesNews verifies.
const TestPurpose = "test"

// BelievesNews is Believes of news.
func BelievesNews(ring *Ring, site string, message, signature []byte, seen map[Seen]bool) bool {
	about := Seen{ring.standing.Load(), site + string(message) + string(signature)}
	if !seen[about] {
		seen[about] = ring.VerifyNews(site, TestPurpose, message, signature)
	}
	return seen[about]
}

// Seen is something signed in the eyes of a ring.
type Seen struct {
	by   *standing
	what string
}
