package sqlstore

import (
	"testing"
)

// Databases that were made apart are called differently; a copy is called what
// it was copied from, which a replica must be.
func TestNoTwoDatabasesAreCalledTheSame(t *testing.T) {
	for _, d := range dialects {
		t.Run(d.name, func(t *testing.T) {
			called := make(map[string]bool)
			for range 3 {
				name, err := mustOpen(t, emptyOptions(t, d.name)).Incarnation(t.Context())
				if err != nil || len(name) != 32 || called[name] {
					t.Errorf("called %q, %v", name, err)
				}
				called[name] = true
			}
		})
	}
}

// Without a reader there is no replica that could answer for PostgreSQL, and the
// writer is not asked in its stead.
func TestNoReplicaNoReplicasBeat(t *testing.T) {
	s := mustOpen(t, postgresOptions(t))
	_, err := s.ReplicaBeat(t.Context())
	wantUnavailable(t, err)
}

// A grant whose account is of an earlier epoch in the replica than when its code was
// made: the replica lags, and the writer is asked.
func TestReplicaBehindAGrant(t *testing.T) {
	for _, d := range dialects {
		t.Run(d.name, func(t *testing.T) {
			r, copied := replicaAt(t, d.options)
			a, _ := openAccount(t, r.Store.(*Store))
			if _, err := r.Store.EndSessions(t.Context(), a.ID, noon); err != nil {
				t.Fatal(err)
			}
			g := newGrant(t)
			g.AccountID, g.Epoch = a.ID, 2
			if _, err := r.Store.ClaimCode(t.Context(), g); err != nil {
				t.Fatal(err)
			}
			r.CatchUp()
			do(t, copied, "UPDATE accounts SET epoch = 1")
			if _, now, err := r.Store.GrantedAccount(t.Context(), g.ID); err != nil || now.Epoch != 2 {
				t.Errorf("the account is of epoch %d, %v", now.Epoch, err)
			}
			r.LoseWriter()
			_, _, err := r.Store.GrantedAccount(t.Context(), g.ID)
			wantUnavailable(t, err)
		})
	}
}
