package hint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

// The errors of [Hints.Merge]. Test them with [errors.Is].
var (
	ErrMalformed = errors.New("hint: malformed")            // not a hint of this version
	ErrStale     = errors.New("hint: not of these minutes") // too old, or from a clock far ahead
	ErrForged    = errors.New("hint: not signed by its site")
)

// The bounds of a message, in bytes.
const (
	version  = 1
	maxSite  = 64
	maxSig   = 128
	maxHints = 4096 // remembered

	// MaxMessage is the longest message there is.
	MaxMessage = 1 + 8 + binary.MaxVarintLen64 + 3 + maxSite + store.MaxFactKind + store.MaxFactID + maxSig
)

// Hint says that the store holds, or is about to hold, a negative fact.
type Hint struct {
	Site     string         // who says so
	Said     time.Time      // when, in whole seconds
	Kind     store.FactKind // what about
	ID       string
	Revision int64 // the store's; 0: the store has not heard of it yet
}

// signed returns what is signed of h.
func (h Hint) signed() []byte {
	b := []byte{version}
	b = binary.BigEndian.AppendUint64(b, uint64(h.Said.Unix()))
	b = binary.AppendUvarint(b, uint64(h.Revision))
	for _, text := range []string{h.Site, string(h.Kind), h.ID} {
		b = append(b, byte(len(text)))
		b = append(b, text...)
	}
	return b
}

// fits reports whether h can be said at all.
func (h Hint) fits() bool {
	in := func(text string, longest int) bool { return text != "" && len(text) <= longest }
	return in(h.Site, maxSite) && in(string(h.Kind), store.MaxFactKind) && in(h.ID, store.MaxFactID) &&
		h.Revision >= 0 && h.Said.Unix() >= 0
}

// parse takes a message apart: the hint, what is signed, the signature.
func parse(message []byte) (h Hint, signed, sig []byte, err error) {
	refuse := func(why string) (Hint, []byte, []byte, error) {
		return Hint{}, nil, nil, fmt.Errorf("%w: %s", ErrMalformed, why)
	}
	if len(message) < 10 || len(message) > MaxMessage || message[0] != version {
		return refuse("length or version")
	}
	h.Said = time.Unix(int64(binary.BigEndian.Uint64(message[1:])), 0).UTC()
	revision, n := binary.Uvarint(message[9:])
	if n <= 0 || int64(revision) < 0 {
		return refuse("revision")
	}
	h.Revision = int64(revision)
	rest := message[9+n:]
	var texts [3]string
	for i := range texts {
		if len(rest) == 0 || len(rest)-1 < int(rest[0]) {
			return refuse("text")
		}
		texts[i], rest = string(rest[1:1+int(rest[0])]), rest[1+int(rest[0]):]
	}
	h.Site, h.Kind, h.ID = texts[0], store.FactKind(texts[1]), texts[2]
	if !h.fits() || len(rest) == 0 || len(rest) > maxSig {
		return refuse("bounds")
	}
	signed = message[:len(message)-len(rest)]
	if again := h.signed(); string(again) != string(signed) {
		return refuse("not canonical")
	}
	return h, signed, rest, nil
}
