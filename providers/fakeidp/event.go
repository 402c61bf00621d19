package fakeidp

import (
	"context"
	"log/slog"
	"time"
)

// Happening names what an [Event] tells.
type Happening string

// What happens at an upstream.
const (
	PageShown    Happening = "page shown"    // a person looks at the login page
	Continued    Happening = "continued"     // the person went back with a code
	Declined     Happening = "declined"      // the person went back without one
	Redeemed     Happening = "redeemed"      // a code became tokens
	Refused      Happening = "refused"       // a request was refused; Detail says why
	Held         Happening = "held"          // a request waits for an answer that will not come
	FaultSet     Happening = "fault set"     // Detail is the fault
	FaultCleared Happening = "fault cleared" // Detail was the fault
)

// Event is one thing that happened at one upstream.
type Event struct {
	At       time.Time
	Upstream string
	What     Happening
	Endpoint Endpoint // empty when no request was involved
	Person   string   // the name of the simulated person, if one is involved
	Detail   string   // a few words, never a code, token or secret
}

func (s *Server) tell(e Event) {
	e.At = s.o.Now()
	s.o.Logger.LogAttrs(context.Background(), slog.LevelDebug, "simulated upstream",
		slog.String("upstream", e.Upstream), slog.String("what", string(e.What)),
		slog.String("endpoint", string(e.Endpoint)), slog.String("detail", e.Detail))
	if s.o.OnEvent != nil {
		s.o.OnEvent(e)
	}
}
