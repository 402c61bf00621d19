package simulate

import (
	"context"
	"embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is what a replay came to.
type Report struct {
	Name  string        `json:"name"`
	Start time.Time     `json:"start"`
	For   time.Duration `json:"for"`
	Seed  uint64        `json:"seed"`

	Counts

	Detections []Detection `json:"detections"`
	Returns    []Return    `json:"returns"`
	FalseTrips int         `json:"false_trips"` // times a node called down what worked
	LateTrips  int         `json:"late_trips"`  // times it did for what had happened before it worked again
	Herds      []Herd      `json:"herds"`       // in the order of the menu
	Hours      []Hour      `json:"hours"`
}

// Counts are logins by what became of them. Those still under way at the end are
// in Logins alone.
type Counts struct {
	Logins    int `json:"logins"`
	Completed int `json:"completed"`
	Left      int `json:"left"` // of their own will, as on any day

	SavedAtOnce     int `json:"saved_at_once"`      // by another way, which the menu put first
	SavedByOneClick int `json:"saved_by_one_click"` // by another way, after one that failed
	SavedByMore     int `json:"saved_by_more"`      // after more than one
	WronglyMoved    int `json:"wrongly_moved"`      // sent elsewhere although their provider worked
	GaveUp          int `json:"gave_up"`            // although another way of theirs worked
	Stranded        int `json:"stranded"`           // no way of theirs worked for them
	TurnedAway      int `json:"turned_away"`        // by a ceiling, each time
}

// Saved is everybody who came in by another way because theirs failed.
func (c Counts) Saved() int { return c.SavedAtOnce + c.SavedByOneClick + c.SavedByMore }

// Hour is the outcome of one hour.
type Hour struct {
	At time.Duration `json:"at"` // its beginning, since the start

	Counts
}

// Detection is when a site found out that a provider fails.
type Detection struct {
	Provider string        `json:"provider"`
	Site     string        `json:"site"`
	At       time.Duration `json:"at"`    // when it began to fail, since the start
	After    time.Duration `json:"after"` // how long it took to say so
	Missed   bool          `json:"missed,omitempty"`
}

// Return is when a site gave a provider all its logins back.
type Return struct {
	Provider string        `json:"provider"`
	Site     string        `json:"site"`
	At       time.Duration `json:"at"` // when it worked again, since the start
	After    time.Duration `json:"after"`
}

// Herd is what came upon a provider.
type Herd struct {
	Provider   string  `json:"provider"`
	Usual      int     `json:"usual"`   // most logins begun in one second while all was well
	Peak       int     `json:"peak"`    // … at any time
	Ceiling    float64 `json:"ceiling"` // logins a second; 0: none
	TurnedAway int     `json:"turned_away"`
}

// Run plays a script. The same seed gives the same report. It ends early, with
// ctx's error, when ctx does.
func Run(ctx context.Context, s *Script, seed uint64) (*Report, error) {
	w, err := newWorld(s, seed)
	if err != nil {
		return nil, err
	}
	if err := w.run(ctx); err != nil {
		return nil, err
	}
	r := w.tally.report
	r.Seed = seed
	for _, id := range s.Order {
		r.Herds = append(r.Herds, *w.tally.herds[id])
	}
	return r, nil
}

// Detected returns the longest time any site took to find out that provider
// fails, of those times that it did.
func (r *Report) Detected(provider string) time.Duration {
	var longest time.Duration
	for _, d := range r.Detections {
		if d.Provider == provider && !d.Missed {
			longest = max(longest, d.After)
		}
	}
	return longest
}

// WriteTo writes the report for people.
func (r *Report) WriteTo(out io.Writer) (int64, error) {
	var text strings.Builder
	fmt.Fprintf(&text, "%s\n%s, %s, seed %d\n\n", r.Name, r.Start.Format("2006-01-02 15:04 MST"), r.For, r.Seed)
	r.writeTotals(&text)
	r.writeFindings(&text)
	r.writeHours(&text)
	n, err := io.WriteString(out, text.String())
	if err != nil {
		return int64(n), fmt.Errorf("write report: %w", err)
	}
	return int64(n), nil
}

func (r *Report) writeTotals(text io.Writer) {
	table := tabwriter.NewWriter(text, 0, 0, 2, ' ', 0)
	share := func(n int) string { return fmt.Sprintf("%d\t%5.2f %%", n, 100*float64(n)/float64(max(1, r.Logins))) }
	for _, line := range []struct {
		what string
		n    int
	}{
		{"logins begun", r.Logins},
		{"completed", r.Completed},
		{"left of their own will", r.Left},
		{"saved by another way, at once", r.SavedAtOnce},
		{"saved by another way, one click more", r.SavedByOneClick},
		{"saved by another way, after more", r.SavedByMore},
		{"gave up although another way of theirs worked", r.GaveUp},
		{"stranded: no way of theirs worked for them", r.Stranded},
		{"wrongly moved", r.WronglyMoved},
	} {
		_, _ = fmt.Fprintf(table, "%s\t%s\n", line.what, share(line.n)) // into memory
	}
	_ = table.Flush()
	_, _ = fmt.Fprintf(text, "false trips  %d\nlate trips   %d\n", r.FalseTrips, r.LateTrips)
}

func (r *Report) writeFindings(text io.Writer) {
	table := tabwriter.NewWriter(text, 0, 0, 2, ' ', 0)
	line := func(cells ...any) {
		_, _ = fmt.Fprintln(table, strings.TrimSuffix(fmt.Sprintf(strings.Repeat("%v\t", len(cells)), cells...), "\t")) // into memory
	}
	line()
	line("PROVIDER", "SITE", "FAILED AT", "FOUND OUT AFTER")
	for _, d := range r.Detections {
		after := d.After.String()
		if d.Missed {
			after = "not before it ended"
		}
		line(d.Provider, d.Site, clock(d.At), after)
	}
	line()
	line("PROVIDER", "SITE", "BACK AT", "ALL LOGINS BACK AFTER")
	for _, b := range r.Returns {
		line(b.Provider, b.Site, clock(b.At), b.After)
	}
	line()
	line("PROVIDER", "USUAL PEAK /S", "PEAK /S", "CEILING /S", "TURNED AWAY")
	for _, h := range r.Herds {
		line(h.Provider, h.Usual, h.Peak, h.Ceiling, h.TurnedAway)
	}
	_ = table.Flush()
}

func (r *Report) writeHours(text io.Writer) {
	table := tabwriter.NewWriter(text, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "\nHOUR\tLOGINS\tCOMPLETED\tSAVED\tGAVE UP\tSTRANDED\tWRONGLY MOVED\t")
	for _, h := range r.Hours {
		at := r.Start.Add(h.At).Format("02 15:04")
		_, _ = fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t\n", at, h.Logins, h.Completed, h.Saved(), h.GaveUp, h.Stranded, h.WronglyMoved)
	}
	_ = table.Flush()
}

// clock writes a time since the start.
func clock(d time.Duration) string {
	return fmt.Sprintf("+%d:%02d:%02d", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60)
}

//go:embed scripts/*.yaml
var shipped embed.FS

// Shipped returns the names of the scripts that come with the program.
func Shipped() []string {
	entries, err := shipped.ReadDir("scripts")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// Open reads a script that comes with the program.
func Open(name string) (*Script, error) {
	if !slices.Contains(Shipped(), name) {
		return nil, fmt.Errorf("%w: there is no %q among %s", ErrScript, name, strings.Join(Shipped(), ", "))
	}
	f, err := shipped.Open("scripts/" + name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("open script: %w", err)
	}
	defer func() { _ = f.Close() }() // it lies in the program
	return Read(f)
}
