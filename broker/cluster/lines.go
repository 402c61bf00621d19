package cluster

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
)

// maxWarnings bounds the warnings of memberlist that are logged as such in a
// second: strangers can cause them.
const maxWarnings = 5

// foreign is how memberlist says that it dropped something, and why we count
// it. It has no other way of saying so.
var foreign = []struct{ text, reason string }{
	{"Decrypt packet failed", dropKey},
	{"encryption is configured but remote state is not encrypted", dropKey},
	{"installed keys could decrypt", dropKey},
	{"unacceptable label", dropLabel},
	{"label header", dropLabel},
	{"decode label", dropLabel},
	{"handler queue full", dropQueueFull},
	{"ignoring alive message", dropName},
	{"Rejected node", dropAddress},
	{"Rejected IP update", dropAddress},
	{"Blocked alive", dropAddress},
	{"failed to receive", dropMalformed},
	{"Failed to receive", dropMalformed},
	{"Failed to decode", dropMalformed},
	{"Failed to decompress", dropMalformed},
	{"Failed to read", dropMalformed},
	{"missing message type", dropMalformed},
	{"not supported", dropMalformed},
	{"invalid checksum", dropMalformed},
	{"invalid msgType", dropMalformed},
	{"packet too short", dropMalformed},
}

// lines turns memberlist's lines into counts and log records. It is a
// [slog.Handler] because memberlist wants a logger of the old kind, which only
// slog can make without one.
type lines struct {
	logger  *slog.Logger
	metrics *metrics
	second  *atomic.Int64 // of the latest warnings
	warned  *atomic.Int64 // how many in it
}

func newLines(logger *slog.Logger, m *metrics) lines {
	return lines{logger: logger, metrics: m, second: new(atomic.Int64), warned: new(atomic.Int64)}
}

// Enabled, WithAttrs and WithGroup are a handler's.
func (lines) Enabled(context.Context, slog.Level) bool { return true }
func (l lines) WithAttrs([]slog.Attr) slog.Handler     { return l }
func (l lines) WithGroup(string) slog.Handler          { return l }
func (l lines) Handle(ctx context.Context, r slog.Record) error {
	level, text := parseLine(r.Message)
	for _, f := range foreign {
		if level >= slog.LevelInfo && strings.Contains(text, f.text) || strings.HasPrefix(text, f.text) {
			l.metrics.drop(f.reason)
			level = slog.LevelDebug
			break
		}
	}
	if strings.Contains(text, "over TCP but UDP probes failed") {
		l.metrics.udpBlocked.Inc()
	}
	if level >= slog.LevelWarn && !l.mayWarn(r.Time.Unix()) {
		level = slog.LevelDebug
	}
	l.logger.LogAttrs(ctx, level, "memberlist", slog.String("line", text))
	return nil
}

func (l lines) mayWarn(second int64) bool {
	if l.second.Swap(second) != second {
		l.warned.Store(0)
	}
	return l.warned.Add(1) <= maxWarnings
}

// parseLine takes "[ERR] memberlist: text" apart. What memberlist calls an
// error is a warning: it goes on.
func parseLine(line string) (slog.Level, string) {
	level, text := slog.LevelInfo, line
	for mark, l := range map[string]slog.Level{
		"[DEBUG] ": slog.LevelDebug, "[INFO] ": slog.LevelDebug,
		"[WARN] ": slog.LevelWarn, "[ERR] ": slog.LevelWarn, "[ERROR] ": slog.LevelWarn,
	} {
		if after, ok := strings.CutPrefix(line, mark); ok {
			level, text = l, after
		}
	}
	return level, strings.TrimPrefix(strings.TrimSpace(text), "memberlist: ")
}
