package audit_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/broker/audit"
)

func TestAnEventIsOneLineWithoutTheAccount(t *testing.T) {
	var out bytes.Buffer
	var seen []audit.Event
	log := audit.New(slog.New(slog.NewJSONHandler(&out, nil)), []byte("key"), func(e audit.Event) { seen = append(seen, e) })
	log.Record(t.Context(), audit.Event{
		Name: audit.LoginCompleted, Client: "demo\n{\"event\":\"forged\"}", Account: "account-1", Provider: "kakao",
	})
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 1 {
		t.Fatalf("one event made %d lines", len(lines))
	}
	var line map[string]any
	if err := json.Unmarshal([]byte(lines[0]), &line); err != nil {
		t.Fatalf("the line is no JSON: %v", err)
	}
	if line["event"] != string(audit.LoginCompleted) || line["provider"] != "kakao" {
		t.Errorf("line %v", line)
	}
	if strings.Contains(lines[0], "account-1") {
		t.Error("the account id stands in the log")
	}
	if len(seen) != 1 || seen[0].Account != "account-1" {
		t.Errorf("the hook saw %v", seen)
	}
}

func TestOneAccountsEventsShareAHashThatTheKeyDecides(t *testing.T) {
	hash := func(key, account string) string {
		var out bytes.Buffer
		audit.New(slog.New(slog.NewJSONHandler(&out, nil)), []byte(key), nil).
			Record(t.Context(), audit.Event{Name: audit.SessionEnded, Account: account})
		var line map[string]string
		if err := json.Unmarshal(out.Bytes(), &line); err != nil {
			t.Fatalf("the line is no JSON: %v", err)
		}
		return line["account"]
	}
	first, again := hash("k", "a"), hash("k", "a")
	if first != again {
		t.Error("one account has two hashes")
	}
	if hash("k", "a") == hash("k", "b") || hash("k", "a") == hash("l", "a") {
		t.Error("two accounts, or two keys, share a hash")
	}
}

func TestAQuietLogStillHoldsEvents(t *testing.T) {
	var out bytes.Buffer
	quiet := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelError}))
	quiet.Info("chatter")
	audit.New(quiet, []byte("key"), nil).Record(t.Context(), audit.Event{Name: audit.CodeReplayed, Client: "demo"})
	if lines := strings.Count(out.String(), "\n"); lines != 1 || !strings.Contains(out.String(), string(audit.CodeReplayed)) {
		t.Errorf("the log holds %q", out.String())
	}
}
