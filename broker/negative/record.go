package negative

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"time"

	"github.com/bongsu/bongsu/broker/store"
)

// maxLine bounds a line of the log in bytes. The longest fact that is accepted
// takes less, even with every character escaped.
const maxLine = 4096

// sumLength is the length of the checksum in front of a line.
const sumLength = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// record is one line of the log: a fact, or how far the feed has been read.
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

	Watermark int64 `json:"w,omitempty"` // the feed has been read so far; -1: the store counts anew
}

func recordOf(f store.Fact) record {
	return record{
		Kind: f.Kind, ID: f.ID, Epoch: f.Epoch, Revision: f.Revision, Lifted: f.Lifted,
		At: micros(f.At), Until: micros(f.Until),
	}
}

func (r record) fact() store.Fact {
	return store.Fact{
		Kind: r.Kind, ID: r.ID, Epoch: r.Epoch, Revision: r.Revision, Lifted: r.Lifted,
		At: timeOf(r.At), Until: timeOf(r.Until),
	}
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func timeOf(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// appendLine appends r as a line: CRC-32C in hexadecimal, space, JSON, newline.
func appendLine(b []byte, r record) []byte {
	body, err := json.Marshal(r)
	if err != nil { // no field of the struct can fail
		panic(err)
	}
	b = appendSum(b, body)
	b = append(b, ' ')
	b = append(b, body...)
	return append(b, '\n')
}

func appendSum(b, body []byte) []byte {
	sum := crc32.Checksum(body, castagnoli)
	return hex.AppendEncode(b, []byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
}

// parseLine reads a line without its newline.
func parseLine(line []byte) (record, bool) {
	if len(line) < sumLength+2 || line[sumLength] != ' ' {
		return record{}, false
	}
	body := line[sumLength+1:]
	if !bytes.Equal(line[:sumLength], appendSum(nil, body)) {
		return record{}, false
	}
	var r record
	if err := json.Unmarshal(body, &r); err != nil {
		return record{}, false
	}
	return r, true
}

// condition is what a log was found to be like.
type condition struct {
	end     int64 // offset behind the last sound line
	lines   int   // sound ones
	damaged int   // unsound lines in front of a sound one
	torn    bool  // something unsound at the end: a write that a crash cut off
}

// readLog calls apply for every sound line and passes over the others. The
// error is the reader's alone: no content makes a log unreadable.
func readLog(src io.Reader, apply func(record)) (condition, error) {
	var c condition
	unsound, offset := 0, int64(0)
	in := bufio.NewReaderSize(src, maxLine)
	for {
		line, size, err := nextLine(in)
		offset += size
		if err != nil && !errors.Is(err, io.EOF) {
			return c, err
		}
		if err != nil { // the last line has no newline: it was not finished
			c.torn = unsound > 0 || size > 0
			return c, nil
		}
		r, ok := parseLine(line)
		if !ok {
			unsound++
			continue
		}
		c.end, c.lines, c.damaged = offset, c.lines+1, c.damaged+unsound
		unsound = 0
		apply(r)
	}
}

// nextLine returns the next line without its newline, and how many bytes it
// took. An overlong line is returned empty: it cannot be sound.
func nextLine(in *bufio.Reader) (line []byte, size int64, err error) {
	line, err = in.ReadSlice('\n')
	size = int64(len(line))
	for errors.Is(err, bufio.ErrBufferFull) {
		var more []byte
		more, err = in.ReadSlice('\n')
		size += int64(len(more))
		line = nil
	}
	return bytes.TrimSuffix(line, []byte{'\n'}), size, err
}
