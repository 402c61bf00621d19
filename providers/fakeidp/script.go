package fakeidp

import (
	"fmt"
	"reflect"
	"strconv"
	"time"
)

// maxPhases bounds a script, the phases of faults that are scripts included.
const maxPhases = 256

// Phase is one stretch of a script: it lasts until the next begins.
type Phase struct {
	After time.Duration // from when the script was set; phases stand in order
	Fault Fault         // empty is health
	Scope Scope
}

// DefaultRelapseStep is how long the shortest phase of [Relapse] lasts; the
// whole takes ten.
const DefaultRelapseStep = 30 * time.Second

// RelapseScript is a staged recovery with a relapse: all fail, a few get in,
// half do, all fail again, a few get in, health.
func RelapseScript(step time.Duration) []Phase {
	return []Phase{
		{0, CoreDown, Scope{}},
		{2 * step, CoreDown, Scope{Share: 0.85}},
		{5 * step, CoreDown, Scope{Share: 0.5}},
		{6 * step, CoreDown, Scope{}},
		{8 * step, CoreDown, Scope{Share: 0.7}},
		{10 * step, "", Scope{}},
	}
}

// effect is a fault that holds, and for whom.
type effect struct {
	behaviour

	scope Scope // complete
}

// run is what was set, played from when it was set.
type run struct {
	script Fault   // the fault that is this script, if one is
	asked  []Phase // as it was asked for
	began  time.Time
	phases []moment
	next   int // the first phase that has not begun
}

// moment is when an effect begins.
type moment struct {
	after  time.Duration
	effect effect
}

// Kinds returns the faults that apply to this upstream.
func (u *Upstream) Kinds() []Kind {
	var kinds []Kind
	for _, k := range Kinds() {
		if u.can(k) {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

func (u *Upstream) can(k Kind) bool {
	return k.Applies(u.dialect.name) && (u.server.o.Network || !k.NeedsNetwork)
}

// SetFault makes the upstream fail from the next request on; the empty fault
// heals it. Requests that another fault holds are released. It returns
// [ErrUnknownFault], or [ErrNotApplicable] where the upstream cannot fail so.
func (u *Upstream) SetFault(f Fault) error { return u.SetFaultWith(f, Scope{}) }

// SetFaultWith is [Upstream.SetFault] for a part of the requests. The error may
// also match [ErrScope], when the fault has no such part.
func (u *Upstream) SetFaultWith(f Fault, s Scope) error {
	if f == "" {
		if !s.zero() {
			return fmt.Errorf("%w: health has no scope", ErrScope)
		}
		u.ClearFault()
		return nil
	}
	return u.Play([]Phase{{Fault: f, Scope: s}})
}

// Play sets a script: at the time of each phase what held before ends, as if
// somebody had set the next fault. Time is that of [Options].Now, and phases
// begin when somebody asks: the server has no timer. Errors are those of
// [Upstream.SetFaultWith]; what held before then stays.
func (u *Upstream) Play(script []Phase) error {
	now := u.server.o.Now()
	r, err := u.newRun(script, now)
	if err != nil {
		return err
	}
	u.mu.Lock()
	if len(u.run.phases) == 1 && reflect.DeepEqual(u.run.asked, script) {
		u.mu.Unlock() // what holds already, and has no end, goes on
		return nil
	}
	u.run = r
	told := u.advance(now)
	u.mu.Unlock()
	u.tellAll(told)
	return nil
}

// ClearFault heals the upstream. Held requests are closed without an answer,
// delayed ones answered at once.
func (u *Upstream) ClearFault() {
	u.mu.Lock()
	u.run = run{}
	told := u.take(effect{})
	u.mu.Unlock()
	u.tellAll(told)
}

// Fault returns the fault that holds now, or "". While a fault that is a script
// plays, it is that.
func (u *Upstream) Fault() Fault {
	u.catchUp()
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.run.script != "" && u.run.next < len(u.run.phases) {
		return u.run.script
	}
	return u.knobs.fault.Name
}

// Script returns what was set: one phase for a single fault, none for health.
// It is what was asked for, however much of it has passed.
func (u *Upstream) Script() []Phase {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]Phase(nil), u.run.asked...)
}

// newRun lays out a script on time.
func (u *Upstream) newRun(script []Phase, now time.Time) (run, error) {
	if len(script) == 0 {
		return run{}, fmt.Errorf("%w: a script has at least one phase", ErrScope)
	}
	r := run{asked: script, began: now}
	for i, p := range script {
		if p.After < 0 || i > 0 && p.After <= script[i-1].After {
			return run{}, fmt.Errorf("%w: phases stand in the order of their times", ErrScope)
		}
		laid, err := u.lay(p, now)
		if err != nil {
			return run{}, err
		}
		for _, m := range laid {
			if i+1 == len(script) || m.after < script[i+1].After {
				r.phases = append(r.phases, m)
			}
		}
		if len(r.phases) > maxPhases {
			return run{}, fmt.Errorf("%w: a script has at most %d phases", ErrScope, maxPhases)
		}
	}
	if b, _ := behaviourOf(script[0].Fault); b.script != nil && len(script) == 1 {
		r.script = b.Name
	}
	return r, nil
}

// lay returns one phase as moments: its beginning, what it is made of, its end.
func (u *Upstream) lay(p Phase, now time.Time) ([]moment, error) {
	if p.Fault == "" {
		if !p.Scope.zero() {
			return nil, fmt.Errorf("%w: health has no scope", ErrScope)
		}
		return []moment{{after: p.After}}, nil
	}
	b, ok := behaviourOf(p.Fault)
	switch {
	case !ok:
		return nil, ErrUnknownFault
	case !u.can(b.Kind):
		return nil, ErrNotApplicable
	}
	if err := p.Scope.check(b); err != nil {
		return nil, err
	}
	laid := []moment{{after: p.After, effect: effect{b, p.Scope.over(b)}}}
	if b.script != nil {
		laid = nil
		for _, inner := range b.script() {
			inner.After += p.After
			moments, err := u.lay(inner, now)
			if err != nil {
				return nil, err
			}
			laid = append(laid, moments...)
		}
	}
	end, ends := p.Scope.end(p.After, now)
	if !ends {
		return laid, nil
	}
	kept := laid[:0]
	for _, m := range laid {
		if m.after < end {
			kept = append(kept, m)
		}
	}
	return append(kept, moment{after: max(end, p.After)}), nil
}

// end returns when the scope ends, as an offset in its script.
func (s Scope) end(after time.Duration, now time.Time) (time.Duration, bool) {
	switch {
	case s.For == 0 && s.Until.IsZero():
		return 0, false
	case s.Until.IsZero():
		return after + s.For, true
	case s.For == 0:
		return s.Until.Sub(now), true
	default:
		return min(after+s.For, s.Until.Sub(now)), true
	}
}

// catchUp begins the phases whose time has come.
func (u *Upstream) catchUp() {
	now := u.server.o.Now()
	u.mu.Lock()
	told := u.advance(now)
	u.mu.Unlock()
	u.tellAll(told)
}

// advance needs the lock; what it returns is to be told without it.
func (u *Upstream) advance(now time.Time) []Event {
	var told []Event
	elapsed := now.Sub(u.run.began)
	for u.run.next < len(u.run.phases) && u.run.phases[u.run.next].after <= elapsed {
		u.run.next++
		told = append(told, u.take(u.run.phases[u.run.next-1].effect)...)
	}
	if u.run.next == 0 {
		told = append(told, u.take(effect{})...) // a script that begins later ends what held before
	}
	return told
}

// take makes e hold from now on. It needs the lock.
func (u *Upstream) take(e effect) []Event {
	before := u.knobs.fault
	u.knobs.fault = e
	if before.Name == e.Name && reflect.DeepEqual(before.scope, e.scope) {
		return nil
	}
	close(u.changed)
	u.changed = make(chan struct{})
	if e.Name == "" {
		return []Event{{What: FaultCleared, Detail: string(before.Name)}}
	}
	return []Event{{What: FaultSet, Detail: e.String()}}
}

// String is the fault in a few words: "core-down 85 %".
func (e effect) String() string {
	text := string(e.Name)
	if len(e.Variants) > 0 && e.scope.Variant != e.Variants[0] {
		text += " " + e.scope.Variant
	}
	if share := e.scope.Share; share < 1 {
		text += " " + strconv.Itoa(int(share*100+0.5)) + " %"
	}
	return text
}

func (u *Upstream) tellAll(told []Event) {
	for _, e := range told {
		u.tell(e)
	}
}

// patience is how long a request is held at most: until the server's own
// patience ends, or the phase.
func (u *Upstream) patience() time.Duration {
	now := u.server.o.Now()
	u.mu.Lock()
	defer u.mu.Unlock()
	left := u.server.o.HoldFor
	if u.run.next < len(u.run.phases) {
		left = min(left, max(0, u.run.phases[u.run.next].after-now.Sub(u.run.began)))
	}
	return left
}
