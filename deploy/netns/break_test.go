//go:build linux && nightly

package netns

import (
	"crypto/tls"
	"maps"
	"sync"
	"time"

	"github.com/bongsu/bongsu/deploy/netns/machines"
)

// show makes new connections see another certificate; nil is the own one.
func (f *front) show(c *tls.Certificate) { f.other.Store(c) }

// hush makes connections open and stay silent until the function is called that
// it returns.
func (f *front) hush() (speak func()) {
	again := make(chan struct{})
	f.quiet.Store(&again)
	return sync.OnceFunc(func() { f.quiet.Store(nil); close(again) })
}

// namesOf are the names that a machine serves.
func namesOf(machine string) []string {
	all := names()
	maps.DeleteFunc(all, func(_, at string) bool { return at != machine })
	var own []string
	for name := range all {
		own = append(own, name)
	}
	return own
}

// sign makes a certificate for some names, good until a moment.
func (w *world) sign(by *machines.Authority, until time.Time, names ...string) []byte {
	w.t.Helper()
	raw, err := by.Sign(until, names...)
	w.must(err)
	return raw
}
