package login

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/bongsu/bongsu/broker/id"
)

// A leg's id is 8 letters and digits: 20 bits of the second in which it began,
// which come back 12 days later, and 20 random bits, which tell the legs of one
// login apart. The state signs it, so a callback says truly how long the person
// was away, and nothing is stored for that.
const (
	legIDLength = 8
	legWindow   = 1 << 20 // seconds
)

// newLegID names a leg that begins now.
func newLegID(now time.Time, rand io.Reader) (string, error) {
	var noise [4]byte
	if _, err := io.ReadFull(rand, noise[:]); err != nil {
		return "", fmt.Errorf("read randomness: %w", err)
	}
	bits := uint64(now.Unix())%legWindow<<20 | uint64(binary.BigEndian.Uint32(noise[:]))>>12
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], bits)
	return id.Text(raw[3:]), nil
}

// legBegan is when the leg began, to the second, as seen at now; zero for a
// name that is none of ours. A login ends long before the bits come back.
func legBegan(legID string, now time.Time) time.Time {
	raw, err := id.Bytes(legID)
	if err != nil || len(raw) != 5 {
		return time.Time{}
	}
	bits := uint64(raw[0])<<32 | uint64(binary.BigEndian.Uint32(raw[1:]))
	behind := (now.Unix() - int64(bits>>20)) % legWindow
	if behind < 0 {
		behind += legWindow
	}
	if behind > legWindow/2 { // a clock behind the one that began it
		behind -= legWindow
	}
	return time.Unix(now.Unix()-behind, 0)
}
