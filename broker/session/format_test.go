package session

import (
	"testing"

	"github.com/bongsu/bongsu/keys/seal/sealtest"
)

// A browser goes on being signed in at a node of the version before or after.
func TestSessionsAreWrittenAsBefore(t *testing.T) {
	sealtest.Format(t, "session", Session{
		SID: "sid", Account: "account", Epoch: 7, Provider: "kakao", ACR: "urn:bongsu:acr:provider", AMR: []string{"pwd"},
		AuthTime: 1_799_999_000, Began: 1_799_999_001, Seen: 1_800_000_000,
	})
}
