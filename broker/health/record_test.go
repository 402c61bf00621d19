package health

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bongsu/bongsu/providers"
)

var update = flag.Bool("update", false, "write the golden files anew")

// twelve is a node that has much to say of twelve providers.
func twelve(t testing.TB, c *clock, providersCount int) *node {
	t.Helper()
	var ids []string
	for i := range providersCount {
		ids = append(ids, fmt.Sprintf("provider-%02d", i))
	}
	n := with(t, c, Options{
		Site: "seoul", Node: "seoul-1.login.example", Sites: []string{"seoul", "busan", "tokyo"},
		Providers: infos(ids...), Incarnation: 1772366400000,
	})
	n.pass(30, func(int) {
		for i, id := range ids {
			n.called(id, providers.OK, i)
			n.called(id, providers.Down, i%3*i)
			n.ObserveMany(Observation{Provider: id, Step: providers.StepAuthorize, Outcome: providers.OK, Marked: true}, 2*i)
		}
	})
	n.Canaries(4, 4)
	n.pass(12, nil)
	return n
}

// A record of twelve providers fits into one packet, and nobody changes how it
// is written without seeing it here.
func TestRecordGolden(t *testing.T) {
	r := rumour{site: "seoul", node: "seoul-1.login.example", incarnation: 1772366400000, sequence: 4711, issued: noon, states: map[string]State{}}
	for i := range 12 {
		r.states[fmt.Sprintf("provider-%02d", i)] = State(i % 4)
	}
	r.change = func(rec *record) {
		rec.asked, rec.reached = 4, 3
		for i := range rec.entries {
			rec.entries[i] = entry{
				name: rec.entries[i].name, state: rec.entries[i].state, long: i%2 == 0, step: uint8(i % len(wireSteps)), devices: deviceSet(i),
				due:    [ages]share{{100 * i, 40 * i}, {300 * i, -5 * i}},
				calls:  [groups]share{{70000 * i, 7000 * i}, {i, i}, {80, 0}, {9, 3}},
				probes: uint8(i), probesOK: uint8(i / 2), p95: packP95(time.Duration(i) * 300 * time.Millisecond),
			}
		}
	}
	message := r.message()
	if len(message) > maxRecord {
		t.Errorf("%d bytes, at most %d may be", len(message), maxRecord)
	}
	var dump strings.Builder
	for i := 0; i < len(message); i += entrySize {
		dump.WriteString(hex.EncodeToString(message[i:min(i+entrySize, len(message))]) + "\n")
	}
	const golden = "testdata/record.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(dump.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if dump.String() != string(want) {
		t.Errorf("the record is written otherwise than before:\n%s\nwant\n%s", dump.String(), want)
	}
	read, body, _, err := parse(message)
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	if got := len((&entry{}).append(nil)); got != entrySize {
		t.Errorf("a provider takes %d bytes, want %d", got, entrySize)
	}
	if len(read.entries) != 12 || !bytes.Equal(read.append(nil), body) {
		t.Errorf("%d providers came back, and the same record is written otherwise", len(read.entries))
	}
	t.Logf("%d bytes signed", len(message))
	if busy := twelve(t, &clock{noon}, 12).Messages()[0]; len(busy) != len(message) {
		t.Errorf("a busy node's record has %d bytes", len(busy))
	}
}

// Even the longest names leave room for 24 providers; of more, those that have
// least to tell are left out.
func TestManyProvidersFit(t *testing.T) {
	for _, count := range []int{24, 64} {
		t.Run(numbered(count), func(t *testing.T) {
			var ids []string
			for i := range count {
				ids = append(ids, "provider-"+numbered(i))
			}
			long := strings.Repeat("n", maxName)
			n := with(t, &clock{noon}, Options{Site: long, Node: long, Providers: infos(ids...)})
			bad := ids[count-2:]
			n.pass(40, func(int) {
				for _, id := range bad {
					n.called(id, providers.Down, 20)
				}
			})
			message := n.Messages()[0]
			r, _, _, err := parse(message)
			if err != nil || len(message) > maxRecord {
				t.Fatalf("%d bytes: %v", len(message), err)
			}
			if count == 24 && len(r.entries) != 24 {
				t.Errorf("%d of 24 providers told", len(r.entries))
			}
			told := 0
			for _, e := range r.entries {
				if e.state == Down {
					told++
				}
			}
			if told != len(bad) {
				t.Errorf("%d providers told to be down, want %d", told, len(bad))
			}
		})
	}
}

// What no node writes is refused, before anybody looks at its signature.
func TestRecordRefusals(t *testing.T) {
	sound := rumour{site: "busan", node: "b", incarnation: 1, sequence: 1, issued: noon, states: map[string]State{"kakao": Up, "naver": Down}}
	body := func(change func(*record)) []byte {
		r := sound
		r.change = change
		return r.message()
	}
	tests := []struct {
		name    string
		message []byte
	}{
		{"nothing", nil},
		{"another version", append([]byte{9}, sound.message()[1:]...)},
		{"cut short", sound.message()[:60]},
		{"no signature", sound.message()[:len(sound.message())-64]},
		{"a long tail", append(sound.message(), make([]byte, 100)...)},
		{"larger than a packet", append(sound.message(), make([]byte, maxRecord)...)},
		{"no name", body(func(r *record) { r.site = "" })},
		{"a name with a line break", body(func(r *record) { r.node = "b\nWARN" })},
		{"twice the same provider", body(func(r *record) { r.entries[1].name = r.entries[0].name })},
		{"not in order", body(func(r *record) { r.entries[0], r.entries[1] = r.entries[1], r.entries[0] })},
		{"more failures than calls", body(func(r *record) { r.entries[0].calls[0] = share{1, 2} })},
		{"more good probes than probes", body(func(r *record) { r.entries[0].probesOK = 3 })},
		{"more canaries reached than asked", body(func(r *record) { r.asked, r.reached = 1, 2 })},
		{"a step nobody knows", body(func(r *record) { r.entries[0].step = 15 })},
	}
	if _, _, _, err := parse(sound.message()); err != nil {
		t.Fatalf("parse of a sound record: %v", err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, _, _, err := parse(tt.message); !errors.Is(err, ErrRecord) {
				t.Errorf("parse = %v, want %v", err, ErrRecord)
			}
		})
	}
}

// FuzzRecord: nothing makes the reader panic, and what it accepts it would write
// the same way.
func FuzzRecord(f *testing.F) {
	r := rumour{site: "busan", node: "b", incarnation: 7, sequence: 9, issued: noon, states: map[string]State{"kakao": Down, "naver": Up}}
	f.Add([]byte{})
	f.Add(r.message())
	f.Add(r.message()[:40])
	f.Add(append(r.message(), 0))
	f.Add(twelve(f, &clock{noon}, 12).Messages()[0])
	f.Fuzz(func(t *testing.T, message []byte) {
		r, body, signature, err := parse(message)
		if err != nil {
			return
		}
		if !bytes.Equal(r.append(nil), body) || len(body)+len(signature) != len(message) {
			t.Fatalf("%x is read as %+v, written as %x", message, r, r.append(nil))
		}
	})
}

func TestP95InAByte(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(int64(time.Millisecond), int64(time.Hour)).Draw(t, "d"))
		got := unpackP95(packP95(d))
		if ratio := float64(got) / float64(d); d > 20*time.Millisecond && (ratio < 0.94 || ratio > 1.06) {
			t.Fatalf("%v became %v", d, got)
		}
	})
	if unpackP95(packP95(0)) != 0 {
		t.Error("nothing became something")
	}
}
