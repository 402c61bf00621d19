package brokertest

import (
	"sync"
	"time"
)

// Clock is the time of a node and of its upstreams: the machine's, moved by what
// the test says, or standing still. The zero value is the machine's.
type Clock struct {
	mu     sync.Mutex
	offset time.Duration
	still  time.Time // zero: the clock runs
}

// Now returns the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.still.IsZero() {
		return c.still
	}
	return time.Now().Add(c.offset)
}

// Advance moves the clock by d.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
	if !c.still.IsZero() {
		c.still = c.still.Add(d)
	}
}

// Ahead returns how far the clock is before the machine's, while it runs.
func (c *Clock) Ahead() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offset
}

// Stop makes the clock stand at the beginning of the second it shows, until the
// test advances it.
func (c *Clock) Stop() {
	now := c.Now().Truncate(time.Second)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.still = now
}
