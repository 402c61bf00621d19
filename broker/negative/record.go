package negative

import (
	"encoding/json"

	"github.com/bongsu/bongsu/broker/journal"
	"github.com/bongsu/bongsu/broker/store"
)

// record is one line of the log: a fact, how far the feed has been read, or of
// which store it is.
type record struct {
	Kind     store.FactKind `json:"k,omitempty"`
	ID       string         `json:"i,omitempty"`
	Epoch    int64          `json:"e,omitempty"`
	Revision int64          `json:"r,omitempty"`
	Lifted   bool           `json:"l,omitempty"`
	At       int64          `json:"a,omitempty"` // Unix microseconds
	Until    int64          `json:"u,omitempty"` // Unix microseconds; 0 is never

	// Settles marks the writer's answer to a fact that was said here with the
	// epoch Sent: whatever stands now, that fact need not be sent again.
	Settles bool  `json:"s,omitempty"`
	Sent    int64 `json:"t,omitempty"`

	// Floor is the highest epoch ever heard of, where the writer's is lower.
	Floor int64 `json:"f,omitempty"`

	// Incarnation is what the store is called whose feed was read.
	Incarnation string `json:"n,omitempty"`

	// Site is whose node said it, where that is another node and the writer has
	// not been heard to know it.
	Site string `json:"b,omitempty"`

	// Held says that the word of that site alone is not enough for it.
	Held bool `json:"h,omitempty"`

	Watermark int64 `json:"w,omitempty"` // the feed has been read so far; -1: the store counts anew
}

func recordOf(f store.Fact) record {
	return record{
		Kind: f.Kind, ID: f.ID, Epoch: f.Epoch, Revision: f.Revision, Lifted: f.Lifted,
		At: journal.Micros(f.At), Until: journal.Micros(f.Until),
	}
}

func (r record) fact() store.Fact {
	return store.Fact{
		Kind: r.Kind, ID: r.ID, Epoch: r.Epoch, Revision: r.Revision, Lifted: r.Lifted,
		At: journal.Time(r.At), Until: journal.Time(r.Until),
	}
}

// encode returns r as the body of a line.
func (r record) encode() []byte {
	body, err := json.Marshal(r)
	if err != nil { // no field of the struct can fail
		panic(err)
	}
	return body
}

// decode reads what encode wrote.
func decode(body []byte) (r record, ok bool) {
	return r, json.Unmarshal(body, &r) == nil
}
