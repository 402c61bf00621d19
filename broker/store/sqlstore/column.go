package sqlstore

import (
	"bytes"
	"strings"
	"time"
)

// micros is t as it is stored: microseconds since 1970, UTC, rounded down; 0
// for the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// timeOf reads what micros wrote.
func timeOf(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// blob is a copy of b as it is stored, NULL for nil: a caller that gives up
// leaves the writer running, and its bytes are its own again.
func blob(b []byte) any {
	if b == nil {
		return nil
	}
	return bytes.Clone(b)
}

// words is a list as it is stored; check keeps spaces out of the words.
func words(list []string) string { return strings.Join(list, " ") }

// listOf reads what words wrote; an empty list comes back nil.
func listOf(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, " ")
}
