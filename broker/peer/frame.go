package peer

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"time"
)

// protocol is spoken in TLS by both ends (ALPN, RFC 7301), and says of which
// version the frames are.
const protocol = "bongsu-peer/1"

// greeting is the first byte of whoever is asked: this asker is let in.
const greeting = 1

// How a question ended, in one byte of an answer.
const (
	statusAnswered = 0
	statusRefused  = 1 // by the handler
	statusUntaken  = 2 // no handler has seen it
	statusWorking  = 3 // the answer is yet to come
)

var errFrame = errors.New("peer: malformed frame")

// question is one frame of an asker.
type question struct {
	id   uint32        // unique on its line
	wait time.Duration // how long the asker still waits, in whole milliseconds
	name string
	body []byte
}

// answer is one frame of who is asked.
type answer struct {
	id     uint32
	status byte
	body   []byte
}

// append writes q behind b: id and wait, 4 bytes each, name with its length in
// one byte, body with its length in four.
func (q question) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, q.id)
	b = binary.BigEndian.AppendUint32(b, uint32(max(q.wait, 0)/time.Millisecond))
	b = append(b, byte(len(q.name)))
	b = append(b, q.name...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(q.body)))
	return append(b, q.body...)
}

// append writes a behind b: id, status, body with its length in four bytes.
func (a answer) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, a.id)
	b = append(b, a.status)
	b = binary.BigEndian.AppendUint32(b, uint32(len(a.body)))
	return append(b, a.body...)
}

// readQuestion reads the next frame. The error is [errFrame] or the reader's.
func readQuestion(in *bufio.Reader) (question, error) {
	var head [9]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return question{}, err
	}
	q := question{
		id:   binary.BigEndian.Uint32(head[:]),
		wait: time.Duration(binary.BigEndian.Uint32(head[4:])) * time.Millisecond,
	}
	name := make([]byte, head[8])
	if len(name) == 0 || len(name) > maxName {
		return question{}, errFrame
	}
	if _, err := io.ReadFull(in, name); err != nil {
		return question{}, err
	}
	q.name = string(name)
	var err error
	q.body, err = readBody(in)
	return q, err
}

// readAnswer reads the next frame. The error is [errFrame] or the reader's.
func readAnswer(in *bufio.Reader) (answer, error) {
	var head [5]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return answer{}, err
	}
	a := answer{id: binary.BigEndian.Uint32(head[:]), status: head[4]}
	var err error
	a.body, err = readBody(in)
	return a, err
}

func readBody(in *bufio.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > MaxBody {
		return nil, errFrame
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(in, body); err != nil {
		return nil, err
	}
	return body, nil
}
