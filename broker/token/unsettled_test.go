package token

import (
	"strconv"
	"testing"
	"time"
)

// Of two that redeem one code again, one goes on with the old attempt.
func TestAnUnsettledAttemptIsTakenOnce(t *testing.T) {
	var u unsettled
	now := time.Now()
	u.keep([]byte("code"), attempt{id: "grant", until: now.Add(time.Minute)}, now)
	if try, ok := u.take([]byte("another")); ok {
		t.Errorf("another code took %s", try.id)
	}
	if try, ok := u.take([]byte("code")); !ok || try.id != "grant" {
		t.Errorf("took %q, %t", try.id, ok)
	}
	if try, ok := u.take([]byte("code")); ok {
		t.Errorf("%s was taken twice", try.id)
	}
}

// An outage fills the memory no further than its bound; what is too old makes room.
func TestUnsettledAttemptsAreBounded(t *testing.T) {
	var u unsettled
	now := time.Now()
	for n := range maxUnsettled + 10 {
		u.keep([]byte(strconv.Itoa(n)), attempt{id: "grant", until: now.Add(time.Minute)}, now)
	}
	if len(u.attempts) != maxUnsettled {
		t.Errorf("%d attempts are remembered", len(u.attempts))
	}
	u.keep([]byte("code"), attempt{id: "grant", until: now.Add(3 * time.Minute)}, now.Add(2*time.Minute))
	if _, ok := u.take([]byte("code")); !ok || len(u.attempts) != 0 {
		t.Errorf("old attempts stay: %d, the new one %t", len(u.attempts), ok)
	}
}
