package config

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a configuration, and where.
type Problem struct {
	Source  string // path of the file as it was given, or the name of an environment variable
	Line    int    // from 1; 0 for an environment variable
	Column  int    // from 1, in characters; 0 for an environment variable
	Message string // one line; names keys and never holds a secret
}

// Error is "bongsu.yaml:14:5: message", or "BONGSU_LISTEN: message".
func (p Problem) Error() string {
	if p.Line == 0 {
		return p.Source + ": " + p.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.Source, p.Line, p.Column, p.Message)
}

// Problems is everything that is wrong with a configuration, in the order of
// the file, environment variables last. [Load] never returns an empty one.
type Problems []Problem

// Error is one problem a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.Error()
	}
	return strings.Join(lines, "\n")
}

// sorted puts the problems in the order a reader meets their causes.
func (p Problems) sorted() Problems {
	slices.SortStableFunc(p, func(a, b Problem) int {
		if (a.Line == 0) != (b.Line == 0) {
			return b.Line - a.Line
		}
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		if a.Column != b.Column {
			return a.Column - b.Column
		}
		return strings.Compare(a.Source, b.Source)
	})
	return p
}

// meant is ` (did you mean "…"?)` with the known name closest to the unknown
// one, or nothing when none is close.
func meant(unknown string, known []string) string {
	if name, ok := closest(unknown, known); ok {
		return fmt.Sprintf(" (did you mean %q?)", name)
	}
	return ""
}

// closest is the known name that a slip of the fingers turns into the unknown
// one: a third of its letters may differ, and one always may.
func closest(unknown string, known []string) (string, bool) {
	const longest = 64 // longer than every key; bounds the comparison
	if len(unknown) > longest {
		return "", false
	}
	best, found := max(1, len(unknown)/3)+1, ""
	for _, name := range known {
		if d := distance(unknown, name); d < best {
			best, found = d, name
		}
	}
	return found, found != ""
}

// distance is the number of letters to insert, delete, change or swap with
// their neighbour (optimal string alignment).
func distance(a, b string) int {
	var before, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, row[j]+1, last[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}

// readable is a value as an error may show it: quoted, one line, bounded.
func readable(value string) string {
	const longest = 80
	runes := []rune(value)
	if len(runes) > longest {
		return fmt.Sprintf("%q…", string(runes[:longest]))
	}
	return fmt.Sprintf("%q", value)
}
