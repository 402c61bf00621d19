package switchboard

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bongsu/bongsu/providers/fakeidp"
)

// wireScope is [fakeidp.Scope] as scripts write it.
type wireScope struct {
	Variant   string             `json:"variant,omitempty"`
	Endpoints []fakeidp.Endpoint `json:"endpoints,omitempty"`
	Share     float64            `json:"share,omitempty"`
	By        fakeidp.By         `json:"by,omitempty"`
	People    []string           `json:"people,omitempty"`
	New       bool               `json:"new,omitempty"`
	Devices   []fakeidp.Device   `json:"devices,omitempty"`
	Sources   []string           `json:"sources,omitempty"`
	For       span               `json:"for,omitempty"`
	Until     time.Time          `json:"until,omitzero"`
}

func (s wireScope) scope() fakeidp.Scope {
	return fakeidp.Scope{
		Variant: s.Variant, Endpoints: s.Endpoints, Share: s.Share, By: s.By, People: s.People, New: s.New,
		Devices: s.Devices, Sources: s.Sources, For: time.Duration(s.For), Until: s.Until,
	}
}

func wireOf(s fakeidp.Scope) wireScope {
	return wireScope{
		Variant: s.Variant, Endpoints: s.Endpoints, Share: s.Share, By: s.By, People: s.People, New: s.New,
		Devices: s.Devices, Sources: s.Sources, For: span(s.For), Until: s.Until,
	}
}

// wirePhase is one phase of a script. A phase without a fault is health.
type wirePhase struct {
	After span          `json:"after"`
	Fault fakeidp.Fault `json:"fault,omitempty"`
	wireScope
}

// wanted is what PUT takes: one fault, or a script.
type wanted struct {
	Fault fakeidp.Fault `json:"fault"`
	wireScope
	Script []wirePhase `json:"script"`
}

// span is a duration as people write it: "90s", "1m30s".
type span time.Duration

// MarshalText implements [encoding.TextMarshaler].
func (s span) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String leaves out what is zero: "10m", not "10m0s".
func (s span) String() string {
	text := time.Duration(s).String()
	for _, end := range [][2]string{{"h0m0s", "h"}, {"m0s", "m"}} {
		if cut, ok := strings.CutSuffix(text, end[0]); ok {
			return cut + end[1]
		}
	}
	return text
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *span) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	*s = span(d)
	return err
}

// readFault reads {"fault":"dark"} with what narrows it, or {"script":[…]},
// and nothing else. Any content type is taken: curl -d calls JSON a form.
func readFault(w http.ResponseWriter, r *http.Request) ([]fakeidp.Phase, *refusal) {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	var body *wanted
	err := decoder.Decode(&body)
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, &refusal{http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("The body is larger than %d KiB.", maxBody>>10)}
	}
	if err == nil && body != nil {
		if _, rest := decoder.Token(); !errors.Is(rest, io.EOF) {
			body = nil
		}
	}
	switch {
	case err != nil || body == nil:
		return nil, &refusal{http.StatusBadRequest, "bad_json", `The body is one JSON object: {"fault":"dark"}.`}
	case body.Fault == "" && len(body.Script) == 0:
		return nil, &refusal{http.StatusBadRequest, "unknown_fault", "No fault is named; DELETE heals."}
	case body.Fault != "" && len(body.Script) > 0:
		return nil, &refusal{http.StatusBadRequest, "bad_scope", "There is either one fault or a script."}
	}
	if body.Fault != "" {
		return []fakeidp.Phase{{Fault: body.Fault, Scope: body.scope()}}, nil
	}
	script := make([]fakeidp.Phase, 0, len(body.Script))
	for _, p := range body.Script {
		script = append(script, fakeidp.Phase{After: time.Duration(p.After), Fault: p.Fault, Scope: p.scope()})
	}
	return script, nil
}

// oneFault is the fault of one provider now, nil is none, and what was asked
// for: what narrows it, or the script it is from.
type oneFault struct {
	Provider string         `json:"provider"`
	Fault    *fakeidp.Fault `json:"fault"`
	wireScope
	Script []wirePhase `json:"script,omitempty"`
}

func oneOf(p Provider) oneFault {
	one := oneFault{Provider: p.ID, Fault: current(p)}
	script := p.Upstream.Script()
	if len(script) == 1 && script[0].After == 0 {
		if one.Fault != nil {
			one.wireScope = wireOf(script[0].Scope)
		}
		return one
	}
	for _, phase := range script {
		one.Script = append(one.Script, wirePhase{span(phase.After), phase.Fault, wireOf(phase.Scope)})
	}
	return one
}

// note says in a few words that need no language how the fault of p is
// narrowed; empty when it is not.
func note(p Provider) string {
	script := p.Upstream.Script()
	switch {
	case current(p) == nil || len(script) == 0:
		return ""
	case len(script) > 1 || script[0].After > 0:
		return "script · " + strconv.Itoa(len(script))
	}
	s := script[0].Scope
	parts := []string{s.Variant}
	if s.Share > 0 {
		parts = append(parts, strconv.Itoa(int(s.Share*100+0.5))+" %")
	}
	for _, e := range s.Endpoints {
		parts = append(parts, string(e))
	}
	for _, d := range s.Devices {
		parts = append(parts, string(d))
	}
	parts = append(parts, s.People...)
	parts = append(parts, s.Sources...)
	if s.New {
		parts = append(parts, "new")
	}
	if s.For > 0 {
		parts = append(parts, span(s.For).String())
	}
	if !s.Until.IsZero() {
		parts = append(parts, "→ "+s.Until.Local().Format("15:04:05"))
	}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), " · ")
}
