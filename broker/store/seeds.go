package store

import "context"

// MaxSeeds is how many seeds one answer holds at most.
const MaxSeeds = 5000

// AccountSeed is what subjects of an account derive from.
type AccountSeed struct {
	AccountID string
	Seed      []byte
}

// Seeds finds an account by a subject, which cannot be turned back into one.
type Seeds interface {
	// AccountSeeds returns at most limit accounts with ids above after, by id; of
	// a client, those that signed in to it within the days that activity is
	// kept; of none, all. The writer is asked: that none has a subject is a fact.
	AccountSeeds(ctx context.Context, client, after string, limit int) ([]AccountSeed, error)
}
