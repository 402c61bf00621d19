package journal

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
)

// MaxLine bounds a line of a log in bytes, checksum and newline included. A
// longer one is read as damage: nobody may append it.
const MaxLine = 16 << 10

// Format is the version of the logs that this program writes, and the latest that it
// reads. A log of it says nothing of its format; one of a later version has a line
// with the body {"format":N}. Members that are added to what a line says and may be
// passed over need no other format.
const Format = 1

// formatOf returns the format that a line speaks of.
func formatOf(body []byte) (format int, ok bool) {
	if !bytes.HasPrefix(body, []byte(`{"format":`)) {
		return 0, false
	}
	var said struct {
		Format int `json:"format"`
	}
	if json.Unmarshal(body, &said) != nil {
		return 0, false
	}
	return said.Format, true
}

// sumLength is the length of the checksum in front of a line.
const sumLength = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// AppendLine appends body, which has no newline, as a line: CRC-32C in
// hexadecimal, space, body, newline.
func AppendLine(b, body []byte) []byte {
	b = appendSum(b, body)
	b = append(b, ' ')
	b = append(b, body...)
	return append(b, '\n')
}

func appendSum(b, body []byte) []byte {
	sum := crc32.Checksum(body, castagnoli)
	return hex.AppendEncode(b, []byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
}

// parseLine returns the body of a line without its newline, if it is sound.
func parseLine(line []byte) (body []byte, ok bool) {
	if len(line) < sumLength+2 || line[sumLength] != ' ' {
		return nil, false
	}
	body = line[sumLength+1:]
	return body, bytes.Equal(line[:sumLength], appendSum(nil, body))
}

// Found is what a log was like when it was opened.
type Found struct {
	Lines   int  // sound ones
	Damaged int  // unsound ones in front of a sound one: what they said is lost
	Torn    bool // something unsound at the end, a write that a crash cut off; it is gone now

	end int64 // offset behind the last sound line
}

// Read calls apply with the body of every sound line and passes over the others,
// and over those of which apply reports that they make no sense. A body is valid
// until apply returns. The error is the reader's alone: no content makes a log
// unreadable.
func Read(src io.Reader, apply func(body []byte) bool) (Found, error) {
	var f Found
	unsound, offset := 0, int64(0)
	in := bufio.NewReaderSize(src, MaxLine)
	for {
		line, size, err := nextLine(in)
		offset += size
		if err != nil && !errors.Is(err, io.EOF) {
			return f, err
		}
		if err != nil { // the last line has no newline: it was not finished
			f.Torn = unsound > 0 || size > 0
			return f, nil
		}
		body, ok := parseLine(line)
		if !ok || !apply(body) {
			unsound++
			continue
		}
		f.end, f.Lines, f.Damaged = offset, f.Lines+1, f.Damaged+unsound
		unsound = 0
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
