package admin

import (
	"fmt"
	"time"

	"github.com/bongsu/bongsu/broker/health"
)

// Standing is what operators say about a provider.
type Standing string

// The standings. Retired wins over disabled.
const (
	InUse    Standing = "in_use"
	Disabled Standing = "disabled" // no login begins or ends by it, until it is enabled
	Retired  Standing = "retired"  // gone for good: its links are tombstones
)

// Health is what a node knows of all providers.
type Health struct {
	Site     string            `json:"site"`
	Node     string            `json:"node"`
	At       time.Time         `json:"at"`
	Isolated bool              `json:"isolated"` // this site is cut off: its verdicts say little
	Contact  bool              `json:"contact"`  // more than half of the sites were heard
	Mode     Mode              `json:"mode"`
	Sites    []health.SiteView `json:"sites"`
	Rows     []health.Row      `json:"providers"`
	Standing []ProviderState   `json:"standing"`
}

// Mode is what this node may do now.
type Mode struct {
	Name  string    `json:"name"` // "full", "writer_lost", "cut_off" or "alone"
	Stale bool      `json:"stale,omitempty"`
	Since time.Time `json:"since"`
	Means string    `json:"means"` // for people, in one line
}

// ProviderState is what operators say about one provider.
type ProviderState struct {
	ID       string   `json:"id"`
	Kind     string   `json:"kind"`
	Name     string   `json:"name"`
	Domains  []string `json:"domains"`
	Standing Standing `json:"standing"`
	Outage   *Outage  `json:"outage,omitempty"`  // declared and not over
	Pending  any      `json:"pending,omitempty"` // changed metadata that waits to be adopted
	Foreign  *Stands  `json:"foreign,omitempty"` // what the id stands for, where this node has other settings
}

// Stands is what a provider's id stands for by now. A node with other settings
// lets no login begin or end by it until it is restarted.
type Stands struct {
	Kind     string `json:"kind"`
	Issuer   string `json:"issuer"`
	ClientID string `json:"client_id"`
}

// Outage is a declared outage.
type Outage struct {
	Provider   string    `json:"provider"`
	DeclaredAt time.Time `json:"declared_at"`
	Until      time.Time `json:"until"`
	By         string    `json:"by"`
	Reason     string    `json:"reason,omitempty"`
}

// Declaration asks for an outage to be declared.
type Declaration struct {
	Seconds int64  `json:"seconds"` // 1 to 7 days
	Reason  string `json:"reason,omitempty"`
}

// Order is what is said with an order about a provider.
type Order struct {
	Reason      string `json:"reason,omitempty"`       // at most 255 bytes, no control characters
	EndSessions bool   `json:"end_sessions,omitempty"` // disable: sessions it gave are void as well
	Retired     bool   `json:"retired,omitempty"`      // enable: take back that it was retired, too
	Force       bool   `json:"force,omitempty"`        // disable, retire: although no other provider would be left (check P02)
	KeyID       string `json:"key_id,omitempty"`       // distrust: which key
	Undo        bool   `json:"undo,omitempty"`         // distrust: trust it again
}

// Done is the answer to an order about a provider. It holds at this node when
// the answer is given.
type Done struct {
	Provider string   `json:"provider"`
	Standing Standing `json:"standing"`
	// Recorded says that the store has it, so that every site that reaches the
	// store obeys within 5 s. Otherwise this node goes on trying.
	Recorded bool `json:"recorded"`
}

// Probe is one question to a provider, and how it went.
type Probe struct {
	Level   string `json:"level"`
	Outcome string `json:"outcome"`
	Code    string `json:"code,omitempty"` // the provider's own, cleaned
	Millis  int64  `json:"ms"`
	Says    string `json:"says"` // in words
}

// SecretState is which secrets of a provider are in use.
type SecretState struct {
	Stored bool      `json:"stored"` // one was set; otherwise it is the configuration's
	Former bool      `json:"former"` // the one before is used where the new one is refused
	By     string    `json:"by,omitempty"`
	At     time.Time `json:"at,omitzero"`
}

// Tested is what a provider answered, and which secrets are in use.
type Tested struct {
	Provider string      `json:"provider"`
	Probes   []Probe     `json:"probes"`
	Secret   SecretState `json:"secret"`
}

// Secret is a new secret of a provider.
type Secret struct {
	Secret   string `json:"secret"`             // one line, at most 2048 bytes
	Untested bool   `json:"untested,omitempty"` // although it could not be tested (check P07)
	Reason   string `json:"reason,omitempty"`
}

// SecretDrop says which secrets to forget.
type SecretDrop struct {
	Stored bool   `json:"stored,omitempty"` // all that were set: the configuration's counts again
	Reason string `json:"reason,omitempty"`
}

// What becomes of the links of a provider whose id is to stand for another app.
const (
	LinksKeep     = "keep"      // the subjects stay the same
	LinksSetAside = "set-aside" // nobody comes in by them again
)

// Migration asks that a provider's id stands for another client or issuer.
type Migration struct {
	Kind     string `json:"kind"`
	Issuer   string `json:"issuer"`
	ClientID string `json:"client_id"`
	Links    string `json:"links"` // keep or set-aside
	Reason   string `json:"reason,omitempty"`
}

// Migrated is what became of a migration.
type Migrated struct {
	Provider string `json:"provider"`
	Links    int64  `json:"links"` // that the provider had before this order
	Alone    int64  `json:"alone"` // accounts of those without another way
	Moved    int    `json:"moved"` // links set aside by this order
	Done     bool   `json:"done"`
}

// Coverage is who could still come in to a client if a provider died.
type Coverage struct {
	Client  string   `json:"client"`  // empty: all clients together
	Without string   `json:"without"` // empty: no provider dies
	Active  int64    `json:"active"`
	Covered int64    `json:"covered"`
	Ratio   *float64 `json:"ratio"` // null: nobody was active
}

// DrillRequest asks for a drill.
type DrillRequest struct {
	Provider      string `json:"provider"`
	Kind          string `json:"kind"`  // down, slow or error
	Share         int64  `json:"share"` // of logins, in thousandths
	Seconds       int64  `json:"seconds"`
	IncludeSingle bool   `json:"include_single,omitempty"`
	Reason        string `json:"reason,omitempty"`
}

// Drill is a drill.
type Drill struct {
	ID            string    `json:"id"`
	Provider      string    `json:"provider"`
	Kind          string    `json:"kind"`
	Share         int64     `json:"share"` // of logins, in thousandths
	IncludeSingle bool      `json:"include_single"`
	By            string    `json:"by"`
	Reason        string    `json:"reason,omitempty"`
	StartedAt     time.Time `json:"started_at"`
	EndsAt        time.Time `json:"ends_at"`
	StoppedAt     time.Time `json:"stopped_at,omitzero"`
	Stop          string    `json:"stop,omitempty"` // why it ended; empty: it runs, or its time is over
	Running       bool      `json:"running"`
}

// DrillReport is what became of a drill's logins.
type DrillReport struct {
	Drill      Drill            `json:"drill"`
	Assigned   int64            `json:"assigned"`
	FellBack   map[string]int64 `json:"fell_back"` // by way
	Completed  int64            `json:"completed"` // by the drilled provider after all
	Refused    int64            `json:"refused"`
	Unfinished int64            `json:"unfinished"` // under way, or given up
	Final      bool             `json:"final"`      // nobody is under way any more
}

// Lever says whether drills are forbidden.
type Lever struct {
	Engaged bool   `json:"engaged"`
	Reason  string `json:"reason,omitempty"` // with an order
}

// Code is the kind of a problem, which never changes.
type Code string

// The codes.
const (
	CodeUnauthorized Code = "unauthorized" // no credential, or none of ours
	CodeForbidden    Code = "forbidden"    // a browser asked on behalf of a page
	CodeInvalid      Code = "invalid"
	CodeNotFound     Code = "not_found"
	CodeConflict     Code = "conflict"
	CodeRefused      Code = "refused"     // a safety check said no
	CodeUnavailable  Code = "unavailable" // could not be decided now: nothing is known
	CodeInternal     Code = "internal"
)

// Problem is an answer that is an error (RFC 9457).
type Problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	Code   Code   `json:"code"`
	// Check is the safety check that refused, and Override what overrides it, if
	// anything does.
	Check    string `json:"check,omitempty"`
	Override string `json:"override,omitempty"`
}

// Error implements error.
func (p *Problem) Error() string {
	text := p.Title
	if p.Detail != "" {
		text = p.Detail
	}
	if p.Check != "" {
		text = fmt.Sprintf("check %s refuses: %s", p.Check, text)
	}
	return text
}
