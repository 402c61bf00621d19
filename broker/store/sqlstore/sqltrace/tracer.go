package sqltrace

import (
	"database/sql/driver"
	"slices"
	"strings"
	"sync"
)

// Counts says what has passed. The zero value is nothing.
type Counts struct {
	Reads   int // statements that read: SELECT and the like
	Writes  int // statements that write
	Commits int // transactions that wrote and were committed, single statements among them
}

// Since returns what has passed after earlier.
func (c Counts) Since(earlier Counts) Counts {
	return Counts{c.Reads - earlier.Reads, c.Writes - earlier.Writes, c.Commits - earlier.Commits}
}

// Tracer sees every statement on every connection it wraps. It is safe for
// concurrent use. The zero value lets everything pass.
type Tracer struct {
	mu         sync.Mutex
	counts     Counts
	statements []string
	before     func(statement string) error
	after      func(statement string) error
}

// Wrap returns c, traced.
func (t *Tracer) Wrap(c driver.Connector) driver.Connector { return &connector{c, t} }

// Counts returns what has passed so far.
func (t *Tracer) Counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts
}

// Statements returns the texts that have passed so far, in order, with every
// run of white space as one space. Transactions show as BEGIN, COMMIT and
// ROLLBACK.
func (t *Tracer) Statements() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.statements)
}

// Before has every statement ask f first: what it returns is what the statement
// ends with, and the database never hears of it. Nil ends it.
func (t *Tracer) Before(f func(statement string) error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.before = f
}

// After has every statement that succeeded ask f: what it returns is what the
// statement ends with, although it happened, as when a connection is lost before
// the answer is there. Nil ends it.
func (t *Tracer) After(f func(statement string) error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.after = f
}

// pass runs a statement between Before and After, and counts it.
func (t *Tracer) pass(at *transaction, text string, run func() error) error {
	text = strings.Join(strings.Fields(text), " ")
	t.mu.Lock()
	before, after := t.before, t.after
	t.mu.Unlock()
	if before != nil {
		if err := before(text); err != nil {
			return err
		}
	}
	if err := run(); err != nil {
		return err
	}
	t.mu.Lock()
	t.statements = append(t.statements, text)
	at.count(text, &t.counts)
	t.mu.Unlock()
	if after != nil {
		return after(text)
	}
	return nil
}

// transaction is where one connection stands.
type transaction struct {
	open  bool
	wrote bool
}

// count adds a statement that succeeded.
func (at *transaction) count(text string, c *Counts) {
	verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimLeft(text, "( ")), " ")
	switch verb {
	case "BEGIN":
		at.open, at.wrote = true, false
	case "COMMIT", "END":
		if at.wrote {
			c.Commits++
		}
		at.open, at.wrote = false, false
	case "ROLLBACK":
		if !strings.Contains(strings.ToUpper(text), " TO ") {
			at.open, at.wrote = false, false
		}
	case "SAVEPOINT", "RELEASE", "SET":
	case "SELECT", "SHOW", "PRAGMA", "EXPLAIN":
		c.Reads++
	default:
		c.Writes++
		if at.open {
			at.wrote = true
		} else {
			c.Commits++
		}
	}
}
