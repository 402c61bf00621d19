package broker

import (
	"context"
	"log/slog"
)

// supported puts the support code of the request that a line was written for, and
// the proxy's trace id if it sent one, into every line: what a person reads out, or
// a trace shows, finds all of them.
type supported struct{ slog.Handler }

// Handle implements [slog.Handler].
func (s supported) Handle(ctx context.Context, record slog.Record) error {
	if v := visitorOf(ctx); v != nil {
		record.AddAttrs(slog.String("support", v.support))
		if v.trace != "" {
			record.AddAttrs(slog.String("trace_id", v.trace))
		}
	}
	return s.Handler.Handle(ctx, record)
}

// WithAttrs implements [slog.Handler].
func (s supported) WithAttrs(attrs []slog.Attr) slog.Handler {
	return supported{s.Handler.WithAttrs(attrs)}
}

// WithGroup implements [slog.Handler].
func (s supported) WithGroup(name string) slog.Handler { return supported{s.Handler.WithGroup(name)} }

// traceID is the trace that a trusted proxy says a request belongs to (W3C Trace
// Context, traceparent of version 00); empty: none. What strangers say is nothing.
func traceID(parent string) string {
	const length, begin, end = 55, 3, 35
	if len(parent) != length || parent[:begin] != "00-" || parent[end] != '-' {
		return ""
	}
	zero := true
	for _, c := range []byte(parent[begin:end]) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return ""
		}
		zero = zero && c == '0'
	}
	if zero {
		return ""
	}
	return parent[begin:end]
}
