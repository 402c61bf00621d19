package arbiter

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/bongsu/bongsu/broker/journal"
	"github.com/bongsu/bongsu/broker/store"
)

// claimed is a claimed code as it stands in the log and travels between nodes.
// Grants that are claimed here have no refresh family.
type claimed struct {
	ID       string   `json:"g"`
	Login    string   `json:"l"`
	Hash     []byte   `json:"h"`
	Account  string   `json:"a"`
	Client   string   `json:"c"`
	SID      string   `json:"d,omitempty"`
	Scope    []string `json:"s,omitempty"`
	Claims   []string `json:"k,omitempty"`
	Provider string   `json:"w,omitempty"`
	ACR      string   `json:"x,omitempty"`
	AMR      []string `json:"m,omitempty"`
	AuthTime int64    `json:"t,omitempty"` // Unix microseconds, as the next three
	Created  int64    `json:"n"`
	Expires  int64    `json:"u,omitempty"` // 0 is never
	Issued   int64    `json:"i"`           // of the code
	Epoch    int64    `json:"e,omitempty"`

	Resources []string `json:"r,omitempty"`

	Shipped bool `json:"z,omitempty"` // the store has it
}

func claimedOf(g store.Grant, issued time.Time) claimed {
	return claimed{
		ID: g.ID, Login: g.LoginID, Hash: g.CodeHash, Account: g.AccountID, Client: g.ClientID, SID: g.SID,
		Scope: g.Scope, Claims: g.Claims, Provider: g.Provider, ACR: g.ACR, AMR: g.AMR,
		AuthTime: journal.Micros(g.AuthTime), Created: journal.Micros(g.CreatedAt), Expires: journal.Micros(g.ExpiresAt), Issued: journal.Micros(issued),
		Epoch: g.Epoch, Resources: g.Resources,
	}
}

func (c claimed) grant() store.Grant {
	return store.Grant{
		ID: c.ID, LoginID: c.Login, CodeHash: c.Hash, AccountID: c.Account, ClientID: c.Client, SID: c.SID,
		Scope: c.Scope, Claims: c.Claims, Provider: c.Provider, ACR: c.ACR, AMR: c.AMR,
		AuthTime: journal.Time(c.AuthTime), CreatedAt: journal.Time(c.Created), ExpiresAt: journal.Time(c.Expires),
		Epoch: c.Epoch, Resources: c.Resources,
	}
}

// check refuses what the store would refuse or a line does not hold.
func (c claimed) check() error {
	for _, text := range []string{c.ID, c.Login, c.Account} {
		if text == "" || len(text) > store.MaxID {
			return fmt.Errorf("%w: an id has 1 to %d bytes", store.ErrInvalid, store.MaxID)
		}
	}
	if len(c.Hash) != hashSize || c.Client == "" || len(c.Client) > store.MaxClientID || c.Created <= 0 || c.Issued <= 0 {
		return fmt.Errorf("%w: hash, client and times are required", store.ErrInvalid)
	}
	return nil
}

// hashSize is the length of a code's SHA-256 in bytes.
const hashSize = 32

// line is one line of the log: one of its fields is set.
type line struct {
	Claimed *claimed `json:"c,omitempty"`
	Shipped string   `json:"z,omitempty"` // the grant id of a claim that the store has
	Horizon int64    `json:"o,omitempty"` // Unix microseconds: claims of codes issued until then may be forgotten
}

// encode returns the body of the line. store.ErrInvalid: it is too long.
func (l line) encode() ([]byte, error) {
	body, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrInvalid, err)
	}
	const around = 16 // checksum, space and newline
	if len(body)+around > journal.MaxLine {
		return nil, fmt.Errorf("%w: the grant takes more than a line of the claim log", store.ErrInvalid)
	}
	return body, nil
}
