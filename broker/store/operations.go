package store

import (
	"context"
	"time"
)

// Outage is an operator's word that a provider is gone for a while. It changes
// no verdict and no menu: sessions that the provider gave may live on longer.
type Outage struct {
	Provider   string // provider instance id
	DeclaredAt time.Time
	Until      time.Time // it ends by itself
	By         string    // the operator
	Reason     string    // may be empty
}

// Outages keeps at most one declared outage per provider.
type Outages interface {
	// DeclareOutage stores o in place of what was declared for its provider.
	DeclareOutage(ctx context.Context, o Outage) error

	// EndOutage ends the provider's outage at that time. Repeating it with the
	// same at is no error. ErrNotFound: none is declared that lasts until at.
	EndOutage(ctx context.Context, provider string, at time.Time) error

	// Outages returns what was declared and has not ended before at, by
	// provider. While the writer cannot be reached a replica may answer.
	Outages(ctx context.Context, at time.Time) ([]Outage, error)
}

// Drill is a practised outage: for a share of logins a provider seems to fail,
// inside our own client.
type Drill struct {
	ID            string // lower-case letters and digits that sort by time
	Provider      string // provider instance id
	Kind          string // what it seems to do; the vocabulary is the drill package's
	Share         int64  // of logins, in thousandths: 1 to 1000
	IncludeSingle bool   // people known to have one way only are not spared
	By            string // the operator
	Reason        string // may be empty

	StartedAt time.Time
	EndsAt    time.Time // it ends by itself, at each node alone
	StoppedAt time.Time // zero while it runs
	Stop      string    // why it ended; empty while it runs
}

// Drills keeps drills, of which one at a time runs, and what was counted.
type Drills interface {
	// StartDrill stores d as the running one. ErrConflict: one is running, or
	// the id is taken. One whose time is over at d.StartedAt is not running.
	StartDrill(ctx context.Context, d Drill) error

	// StopDrill ends the drill, for that reason; the first reason stays.
	// ErrNotFound.
	StopDrill(ctx context.Context, id, reason string, at time.Time) error

	// Drills returns at most limit drills, newest first, as the writer knows
	// them: whether one was stopped is nothing a replica may say.
	Drills(ctx context.Context, limit int) ([]Drill, error)

	// CountDrill stores what one run of a node has counted in a drill so far.
	// Counts only grow: a lower one than the stored changes nothing. Their names
	// have 1 to 64 bytes, and are at most 64.
	// ErrNotFound: no such drill.
	CountDrill(ctx context.Context, id, node string, counts map[string]int64) error

	// DrillCounts returns the sums over all nodes, as the writer knows them. Of
	// an unknown drill nothing was counted.
	DrillCounts(ctx context.Context, id string) (map[string]int64, error)
}

// Pin is what a provider's metadata said when it was last believed. What a
// provider says later waits for an operator.
type Pin struct {
	Provider string // provider instance id
	Issuer   string // 1 to 2048 bytes
	ClientID string // ours there, 1 to 255 bytes
	Document []byte // JSON, 1 to 8192 bytes
	At       time.Time
}

// Pins keeps one pin per provider.
type Pins interface {
	// Pin returns a provider's pin. While the writer cannot be reached a
	// replica may answer, but not that there is none. ErrNotFound.
	Pin(ctx context.Context, provider string) (Pin, error)

	// KeepPin stores p unless the provider has a pin, and returns what stands.
	KeepPin(ctx context.Context, p Pin) (Pin, error)

	// ReplacePin stores p in place of whatever stands.
	ReplacePin(ctx context.Context, p Pin) error
}

// Activity is that an account signed in to a client on a day.
type Activity struct {
	Client  string // client id
	Account string // account id
	Day     int64  // days since 1970, UTC
}

// CoverageQuery asks who could still come in.
type CoverageQuery struct {
	Client    string   // client id; empty is all clients together
	Surviving []string // provider instances that would still work; at most 64
	SinceDay  int64    // accounts without activity since then are not counted
}

// WaysQuery asks by which providers people could come in.
type WaysQuery struct {
	Providers []string // provider instances, each once; at most [MaxWays]
	SinceDay  int64    // accounts without activity since then are not counted
}

// WaysCount is how many accounts have links to exactly these of the providers
// that were asked about.
type WaysCount struct {
	Ways     uint64 // bit i stands for Providers[i]
	Accounts int64
}

// Activities keeps the last day of each account at each client, for counting
// alone: what is lost of it loses nobody anything.
type Activities interface {
	// NoteActivity keeps the latest day of each; at most 1000 at a time.
	NoteActivity(ctx context.Context, batch []Activity) error

	// Coverage counts the accounts that were active and are not disabled, and
	// those of them with a link to a surviving provider. A replica may answer:
	// the numbers are as old as it is.
	Coverage(ctx context.Context, q CoverageQuery) (active, covered int64, err error)

	// WaysIn counts the accounts that were active at any client and are not
	// disabled, by the providers they are linked to: one count for each set that
	// somebody has, in no order. A replica may answer.
	WaysIn(ctx context.Context, q WaysQuery) ([]WaysCount, error)

	// PurgeActivity deletes at most limit records of days before day, and
	// returns how many went.
	PurgeActivity(ctx context.Context, day int64, limit int) (int, error)
}
