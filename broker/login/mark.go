package login

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/bongsu/bongsu/broker/id"
	"github.com/bongsu/bongsu/keys/seal"
)

// MarkLife is how long a browser is known by its mark after the last login
// that renewed it.
const MarkLife = 30 * 24 * time.Hour

const sealMark seal.Purpose = "browser mark"

const (
	markCookie = "mark"

	markRenew = 24 * time.Hour
	maxMarked = 8
)

// mark is what a browser is known by that has logged in here: which providers
// brought it, under a random name. It is sealed, because what such a browser
// meets at a provider is evidence of the provider's health, and evidence must
// not be anybody's to make. It names no account, and decides no login. All sites
// know the browser by it where they have a domain for it, and what one site hands
// to another is bound to its name.
type mark struct {
	Browser string   `json:"b"` // id.New
	Ways    []string `json:"w"` // it completed logins by; provider instance ids, the latest first
	At      int64    `json:"t"` // when it was last written, Unix seconds
}

// marked returns the mark of the browser behind v; nil when it has none that
// can be read. It is read at most once a request.
func (h *Handler) marked(v *visit) *mark {
	if v.markRead {
		return v.mark
	}
	v.markRead = true
	sealed := h.marks.Read(v.r, markCookie)
	if sealed == "" {
		return nil
	}
	plain, err := h.Seal.Open(v.ctx(), sealMark, sealed)
	if err != nil {
		return nil // unreadable is as good as absent: the mark decides nothing
	}
	var m mark
	if json.Unmarshal(plain, &m) != nil || !id.Valid(m.Browser, id.Length) || h.Now().Sub(time.Unix(m.At, 0)) > MarkLife {
		return nil
	}
	v.mark = &m
	return v.mark
}

// usedWays are the ways this browser completed logins by, the latest first.
func (h *Handler) usedWays(v *visit) []string {
	if m := h.marked(v); m != nil {
		return m.Ways
	}
	return nil
}

// markBrowser notes that this browser completed a login by way. Most logins
// change nothing: the mark is written when the way is not its latest, and once
// a day.
func (h *Handler) markBrowser(v *visit, way string) error {
	m := h.marked(v)
	now := h.Now()
	if m != nil && len(m.Ways) > 0 && m.Ways[0] == way && now.Sub(time.Unix(m.At, 0)) < markRenew {
		return nil
	}
	next := mark{At: now.Unix(), Ways: []string{way}}
	if m != nil {
		next.Browser = m.Browser
		for _, w := range m.Ways {
			if w != way && len(next.Ways) < maxMarked {
				next.Ways = append(next.Ways, w)
			}
		}
	}
	return h.writeMark(v, next)
}

// knownBrowser returns the mark of the browser behind v, and gives it one if it has
// none: a name, and no way that it ever came by.
func (h *Handler) knownBrowser(v *visit) (*mark, error) {
	if m := h.marked(v); m != nil {
		return m, nil
	}
	if err := h.writeMark(v, mark{At: h.Now().Unix()}); err != nil {
		return nil, err
	}
	return v.mark, nil
}

// browserName is the name of the browser behind v; empty: it has none.
func (h *Handler) browserName(v *visit) string {
	if m := h.marked(v); m != nil {
		return m.Browser
	}
	return ""
}

// writeMark keeps next in the browser, under a new name if it has none.
func (h *Handler) writeMark(v *visit, next mark) error {
	if next.Browser == "" {
		name, err := id.New(h.Rand)
		if err != nil {
			return err
		}
		next.Browser = name
	}
	plain, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("encode browser mark: %w", err)
	}
	sealed, err := h.Seal.Seal(sealMark, plain)
	if err != nil {
		return fmt.Errorf("seal browser mark: %w", err)
	}
	h.marks.Set(v.w, markCookie, sealed, MarkLife)
	v.mark, v.markRead = &next, true
	return nil
}

// knows reports whether the browser completed a login by way before.
func (m *mark) knows(way string) bool { return m != nil && slices.Contains(m.Ways, way) }
