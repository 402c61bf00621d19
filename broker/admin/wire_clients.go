package admin

import (
	"encoding/json"
	"time"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/habit"
)

// ClientState is a registered website, as operators see it. Nothing in it proves the
// website: secrets are named by the beginning of their hash.
type ClientState struct {
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	Owner      client.Owner   `json:"owner"`           // where it is changed
	Where      string         `json:"where,omitempty"` // of the file's: file and line
	Served     bool           `json:"served"`          // false: this node cannot read or accept it, and its log says why
	Public     bool           `json:"public"`
	FirstParty bool           `json:"first_party"`
	By         string         `json:"by,omitempty"` // the operator who registered it
	CreatedAt  time.Time      `json:"created_at,omitzero"`
	UpdatedAt  time.Time      `json:"updated_at,omitzero"`
	Secrets    []ClientSecret `json:"secrets"`

	// Registration is the entry as it would stand in the configuration, and Issuer
	// what the website knows this broker by.
	Registration json.RawMessage `json:"registration,omitempty"`
	Issuer       string          `json:"issuer,omitempty"`

	// Callbacks are what the consoles of the providers that it may use must list, in
	// answers about one client.
	Callbacks []ProviderCallbacks `json:"callbacks,omitempty"`

	// Seen is what this node has lately seen the website do, in answers about one
	// client.
	Seen *habit.Seen `json:"seen,omitempty"`
}

// ProviderCallbacks are the redirect URIs that a provider's console must list: at the
// issuer, then at the origin of every site.
type ProviderCallbacks struct {
	Provider  string   `json:"provider"`
	Callbacks []string `json:"callbacks"`
}

// ClientSecret is what is known of a client's secret.
type ClientSecret struct {
	ID        string    `json:"id"` // the first 12 hexadecimal digits of its SHA-256
	By        string    `json:"by,omitempty"`
	CreatedAt time.Time `json:"created_at,omitzero"` // of the store's
	// UsedAt is the hour in which it was last used, in answers about one client;
	// zero: never, as far as it is written down.
	UsedAt time.Time `json:"used_at,omitzero"`
}

// Registration asks for a website to be registered, or to be registered otherwise.
type Registration struct {
	Client json.RawMessage `json:"client"` // an entry as in the configuration, without secrets
	// UpdatedAt is of what is replaced, as it was shown; zero replaces whatever
	// stands. Not for what is new.
	UpdatedAt time.Time `json:"updated_at,omitzero"`
	Reason    string    `json:"reason,omitempty"`
}

// Registered is the answer to a registration, or to an order about secrets.
type Registered struct {
	Client ClientState `json:"client"`
	// Secret was made by this order. It is shown now and never again.
	Secret string `json:"secret,omitempty"`
}

// ClientOrder is what is said with an order about a client.
type ClientOrder struct {
	Reason string `json:"reason,omitempty"`
	// UnusedHours is for how long a secret must not have been used to be dropped
	// (check C01); 0 is 24.
	UnusedHours int64 `json:"unused_hours,omitempty"`
	Force       bool  `json:"force,omitempty"` // drop it although it is in use (check C01)
}
