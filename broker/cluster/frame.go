package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
)

// The bounds of what is carried, in bytes.
const (
	// MaxMessage is the longest message that is gossiped. What would not fit
	// a packet together with label and encryption memberlist queues for ever,
	// silently; this leaves a quarter of a packet free.
	MaxMessage = 1000
	// MaxLarge is the longest message at all. Above [MaxMessage] it is sent to
	// every peer over a stream.
	MaxLarge = 64 << 10
	// MaxChannel bounds the name of a channel.
	MaxChannel = 32
	// maxState bounds what one push/pull carries of all channels together.
	maxState = 1 << 20
)

// frameVersion is the first byte of every frame and of every state.
const frameVersion = 1

var errFrame = errors.New("cluster: not a frame")

// newFrame returns a message of a channel on its way: version, length of the
// name, name, message.
func newFrame(channel string, message []byte) []byte {
	b := make([]byte, 0, 2+len(channel)+len(message))
	b = append(b, frameVersion, byte(len(channel)))
	b = append(b, channel...)
	return append(b, message...)
}

// parseFrame splits a frame. The message is part of the frame, not a copy.
func parseFrame(frame []byte) (channel string, message []byte, err error) {
	if len(frame) < 2 {
		return "", nil, fmt.Errorf("%w: %d bytes", errFrame, len(frame))
	}
	if frame[0] != frameVersion {
		return "", nil, fmt.Errorf("%w: version %d", errFrame, frame[0])
	}
	name, rest := int(frame[1]), frame[2:]
	if name == 0 || name > MaxChannel || len(rest) <= name {
		return "", nil, fmt.Errorf("%w: a name of %d bytes in %d", errFrame, name, len(rest))
	}
	if len(rest)-name > MaxLarge {
		return "", nil, fmt.Errorf("%w: a message of %d bytes", errFrame, len(rest)-name)
	}
	return string(rest[:name]), rest[name:], nil
}

// appendEntry appends a frame to a state: its length, then it.
func appendEntry(state, frame []byte) []byte {
	state = binary.AppendUvarint(state, uint64(len(frame)))
	return append(state, frame...)
}

// entries yields the frames of a state, up to the first thing that is none.
func entries(state []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if len(state) == 0 || len(state) > maxState || state[0] != frameVersion {
			return
		}
		rest := state[1:]
		for len(rest) > 0 {
			length, n := binary.Uvarint(rest)
			if n <= 0 || length > uint64(len(rest)-n) {
				return
			}
			end := n + int(length)
			if !yield(rest[n:end:end]) {
				return
			}
			rest = rest[end:]
		}
	}
}
