package config

import (
	"strings"
	"time"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/providers/catalog"
)

const (
	day = 24 * time.Hour

	mostSession = 14 * day // the sealing ring opens for 15 days

	staleAllow = "allow" // of clients.stale
)

// bounds are the shortest and the longest that a duration may be, both allowed.
var bounds = map[string]struct{ least, most time.Duration }{
	"keys.publish_window":     {time.Hour, 30 * day},
	"keys.retire_for":         {time.Hour, 90 * day},
	"keys.active_for":         {day, 2 * 365 * day},
	"sessions.idle":           {time.Minute, mostSession},
	"sessions.lifetime":       {time.Minute, mostSession},
	"sessions.outage_ceiling": {0, mostSession},
	"contact.stale_after":     {5 * time.Second, time.Hour},
	"drain.wait":              {0, 5 * time.Minute},
	"drain.finish":            {time.Second, 5 * time.Minute},
	"snapshot.max_age":        {day, 30 * day},
	"providers.timeout":       {100 * time.Millisecond, 20 * time.Second},
}

// words are the values of keys that take one of a few.
var words = map[string][]string{
	"languages.default":     {"ko", "en", "ja"},
	"log.level":             {"debug", "info", "warn", "error"},
	"store.driver":          {"sqlite", "postgres"},
	"store.migrate":         {migrateAuto, migrateManual},
	"clients.pkce":          {"optional", "required"},
	"clients.stale":         {staleAllow, "refuse"},
	"clients.writer_gone":   {client.WriterGoneNode, client.WriterGoneWait},
	"providers.reauth":      {"forced", "asked", "none"},
	"providers.pkce":        {pkceS256, pkceNone},
	"providers.auth_method": catalog.AuthMethods(),
	"providers.token_info":  catalog.TokenInfos(),
}

// general is a path without its indexes: providers.timeout for
// providers[0].timeout, and clients.pkce for the client.pkce of a registration.
func general(path string) string {
	if of, ok := strings.CutPrefix(path, clientPath+"."); ok {
		path = "clients." + of
	}
	for {
		before, rest, ok := strings.Cut(path, "[")
		if !ok {
			return path
		}
		_, after, _ := strings.Cut(rest, "]")
		path = before + after
	}
}
