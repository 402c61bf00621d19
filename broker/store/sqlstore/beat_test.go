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
