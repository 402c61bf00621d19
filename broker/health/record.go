package health

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/bongsu/bongsu/providers"
)

// ErrRecord is wrapped by every refusal of a record.
var ErrRecord = errors.New("health: record refused")

// The shape of a record on the wire. All numbers are big-endian.
//
//	1  version
//	8  incarnation of the node        grows with every start
//	8  sequence                       grows with every record of an incarnation
//	4  issued, Unix seconds           read only at first contact
//	1+ site, 1+ node                  length, text
//	1  canaries: asked, reached       four bits each
//	1  number of providers, each:
//	    4  name                       first bytes of the id's SHA-256, ascending
//	    1  state, bit 2: long window
//	    1  worst step, devices        four bits each
//	    8  starts and returned, at each age
//	   16  calls and failures, of each group of steps
//	    1  probes asked, answered well in the last minute
//	    1  p95
//	…  signature of everything before
const (
	recordVersion = 1
	maxRecord     = 1000 // bytes, signed: what gossip carries in one packet
	maxSignature  = 128
	entrySize     = 32
	longFlag      = 1 << 2
)

// The groups into which lanes are put together on the wire.
const groups = 4

var laneGroups = [lanes]int{laneToken: 0, laneKeys: 1, laneVerify: 1, laneUserinfo: 2, laneCallback: 3}

// groupLanes are the lanes in which another node's groups are counted.
var groupLanes = [groups]int{laneToken, laneVerify, laneUserinfo, laneCallback}

// wireSteps are the steps as records number them; 0 is none.
var wireSteps = [...]providers.Step{
	"", providers.StepAuthorize, providers.StepCallback, providers.StepToken, providers.StepKeys,
	providers.StepVerify, providers.StepUserinfo, providers.StepReach, providers.StepMetadata,
}

// record is what one node says.
type record struct {
	site, node  string
	incarnation uint64
	sequence    uint64
	issued      uint32
	asked       uint8 // canaries, at most 15
	reached     uint8
	entries     []entry // ascending by name
}

// entry is what it says of one provider.
type entry struct {
	name     uint32
	state    State
	long     bool
	step     uint8
	devices  deviceSet
	due      [ages]share
	calls    [groups]share
	probes   uint8 // at most 15
	probesOK uint8
	p95      uint8
}

// compare is negative when r was written before o by the same node.
func (r *record) compare(o *record) int {
	return cmp.Or(cmp.Compare(r.incarnation, o.incarnation), cmp.Compare(r.sequence, o.sequence))
}

// worth is how much an entry is worth telling when not all fit.
func (e *entry) worth() int {
	worth := int(e.state) << 1
	for _, s := range e.calls {
		if s.failed > 0 {
			worth |= 1
		}
	}
	return worth
}

// append adds the unsigned record to b.
func (r *record) append(b []byte) []byte {
	b = append(b, recordVersion)
	b = binary.BigEndian.AppendUint64(b, r.incarnation)
	b = binary.BigEndian.AppendUint64(b, r.sequence)
	b = binary.BigEndian.AppendUint32(b, r.issued)
	for _, name := range [...]string{r.site, r.node} {
		b = append(b, byte(len(name)))
		b = append(b, name...)
	}
	b = append(b, r.asked<<4|r.reached, byte(len(r.entries)))
	for i := range r.entries {
		b = r.entries[i].append(b)
	}
	return b
}

func (e *entry) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, e.name)
	flags := byte(e.state)
	if e.long {
		flags |= longFlag
	}
	b = append(b, flags, e.step<<4|byte(e.devices))
	for _, s := range e.due { // more may have come back than were sent away: see cohort.due
		s = s.fit()
		b = binary.BigEndian.AppendUint16(b, uint16(s.n))
		b = binary.BigEndian.AppendUint16(b, uint16(s.n-s.failed))
	}
	for _, s := range e.calls {
		s = s.fit()
		b = binary.BigEndian.AppendUint16(b, uint16(s.n))
		b = binary.BigEndian.AppendUint16(b, uint16(s.failed))
	}
	return append(b, e.probes<<4|e.probesOK, e.p95)
}

// fit scales a share down to what two bytes hold.
func (s share) fit() share {
	most := max(s.n, s.n-s.failed)
	if most <= math.MaxUint16 {
		return s
	}
	scaled := func(x int) int { return int(math.Round(float64(x) * math.MaxUint16 / float64(most))) }
	return share{scaled(s.n), scaled(s.n) - scaled(s.n-s.failed)}
}

// shorten leaves out the entries least worth telling until the unsigned record
// is at most limit bytes long.
func (r *record) shorten(limit int) {
	room := (limit - len((&record{site: r.site, node: r.node}).append(nil))) / entrySize
	if len(r.entries) <= room {
		return
	}
	slices.SortStableFunc(r.entries, func(a, b entry) int { return b.worth() - a.worth() })
	r.entries = r.entries[:max(room, 0)]
	slices.SortFunc(r.entries, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
}

// parse reads a signed record. What it accepts is written in exactly one way.
func parse(message []byte) (r record, body, signature []byte, err error) {
	if len(message) > maxRecord {
		return record{}, nil, nil, fmt.Errorf("%w: %d bytes", ErrRecord, len(message))
	}
	p := parser{rest: message}
	if version := p.byte(); version != recordVersion {
		return record{}, nil, nil, fmt.Errorf("%w: version %d", ErrRecord, version)
	}
	r.incarnation = binary.BigEndian.Uint64(p.take(8))
	r.sequence = binary.BigEndian.Uint64(p.take(8))
	r.issued = binary.BigEndian.Uint32(p.take(4))
	r.site, r.node = p.name(), p.name()
	canaries := p.byte()
	r.asked, r.reached = canaries>>4, canaries&15
	p.expect(r.reached <= r.asked)
	n := int(p.byte())
	p.expect(n*entrySize <= len(p.rest))
	for i := 0; i < n && !p.bad; i++ {
		e := p.entry()
		p.expect(i == 0 || r.entries[i-1].name < e.name)
		r.entries = append(r.entries, e)
	}
	p.expect(len(p.rest) >= 1 && len(p.rest) <= maxSignature)
	if p.bad {
		return record{}, nil, nil, fmt.Errorf("%w: not in form", ErrRecord)
	}
	return r, message[:len(message)-len(p.rest)], p.rest, nil
}

// parser reads what lies before it; when something is amiss it goes on with
// zeros and remembers.
type parser struct {
	rest []byte
	bad  bool
}

func (p *parser) expect(ok bool) { p.bad = p.bad || !ok }

var zeros [entrySize]byte

// take returns the next n bytes, at most entrySize.
func (p *parser) take(n int) []byte {
	if len(p.rest) < n {
		p.bad = true
		return zeros[:n]
	}
	taken := p.rest[:n]
	p.rest = p.rest[n:]
	return taken
}

func (p *parser) byte() byte { return p.take(1)[0] }

func (p *parser) name() string {
	n := int(p.byte())
	p.expect(n >= 1 && n <= maxName && n <= len(p.rest))
	if p.bad {
		return ""
	}
	name := p.rest[:n]
	p.rest = p.rest[n:]
	p.expect(bytes.IndexFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) < 0)
	return string(name)
}

func (p *parser) entry() entry {
	b := p.take(entrySize)
	e := entry{
		name: binary.BigEndian.Uint32(b), state: State(b[4] & 3), long: b[4]&longFlag != 0,
		step: b[5] >> 4, devices: deviceSet(b[5] & 15),
		probes: b[30] >> 4, probesOK: b[30] & 15, p95: b[31],
	}
	number := func(at int) int { return int(binary.BigEndian.Uint16(b[at:])) }
	for i := range e.due {
		n, back := number(6+4*i), number(8+4*i)
		e.due[i] = share{n, n - back}
	}
	for i := range e.calls {
		n, failed := number(14+4*i), number(16+4*i)
		p.expect(failed <= n)
		e.calls[i] = share{n, failed}
	}
	p.expect(b[4]&^(3|longFlag) == 0 && int(e.step) < len(wireSteps) && e.probesOK <= e.probes)
	return e
}

// A p95 is told as an eighth of a power of two of milliseconds: 9 % steps up to
// an hour in one byte; 0 is none.
func packP95(d time.Duration) uint8 {
	ms := float64(d) / float64(time.Millisecond)
	if ms < 1 {
		return 0
	}
	return uint8(min(1+math.Round(8*math.Log2(ms)), math.MaxUint8))
}

func unpackP95(b uint8) time.Duration {
	if b == 0 {
		return 0
	}
	return time.Duration(math.Exp2(float64(b-1)/8) * float64(time.Millisecond)).Round(time.Millisecond)
}
