package keys_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/bongsu/bongsu/keys"
	"github.com/bongsu/bongsu/keys/keystest"
)

// What a site has signed is believed for that purpose, of that site, and
// nowhere else.
func TestNews(t *testing.T) {
	store := keystest.NewStore()
	both := identities(t, store)
	seoul := open(t, store, knows(both))
	busan := open(t, store, knows(both), inBusan(t))
	stranger := open(t, keystest.NewStore(), knows(nil), inBusan(t))

	message := []byte("kakao is down")
	good, err := seoul.SignNews("health record", message)
	if err != nil {
		t.Fatalf("SignNews: %v", err)
	}
	foreign, err := stranger.SignNews("health record", message)
	if err != nil {
		t.Fatalf("SignNews: %v", err)
	}
	flipped := bytes.Clone(good)
	flipped[3] ^= 1

	tests := []struct {
		name          string
		site, purpose string
		message       []byte
		signature     []byte
		want          bool
	}{
		{"as it was signed", "seoul", "health record", message, good, true},
		{"as another site's", "busan", "health record", message, good, false},
		{"as a stranger's", "gwangju", "health record", message, good, false},
		{"for another purpose", "seoul", "hint", message, good, false},
		{"for a purpose that it begins with", "seoul", "health record ", message, good, false},
		{"for no purpose", "seoul", "", message, good, false},
		{"another message", "seoul", "health record", []byte("kakao is up"), good, false},
		{"a changed signature", "seoul", "health record", message, flipped, false},
		{"a short signature", "seoul", "health record", message, good[:63], false},
		{"no signature", "seoul", "health record", message, nil, false},
		{"by one who calls himself by the site's name", "busan", "health record", message, foreign, false},
	}
	for _, tt := range tests {
		for name, ring := range map[string]*keys.Ring{"seoul": seoul, "busan": busan} {
			if got := ring.VerifyNews(tt.site, tt.purpose, tt.message, tt.signature); got != tt.want {
				t.Errorf("%s, at %s: %v, want %v", tt.name, name, got, tt.want)
			}
		}
	}
}

func TestNewsBounds(t *testing.T) {
	seoul := open(t, keystest.NewStore())
	tests := []struct {
		name    string
		purpose string
		size    int
		ok      bool
	}{
		{"a message of no bytes", "hint", 0, true},
		{"the longest message", "hint", keys.MaxNews, true},
		{"a message that is too long", "hint", keys.MaxNews + 1, false},
		{"the longest purpose", strings.Repeat("a", 64), 1, true},
		{"a purpose that is too long", strings.Repeat("a", 65), 1, false},
		{"no purpose", "", 1, false},
		{"a purpose with a NUL", "hint\x00", 1, false},
	}
	for _, tt := range tests {
		message := make([]byte, tt.size)
		signature, err := seoul.SignNews(tt.purpose, message)
		if (err == nil) != tt.ok || seoul.VerifyNews("seoul", tt.purpose, message, signature) != tt.ok {
			t.Errorf("%s: error %v, want one: %v", tt.name, err, !tt.ok)
		}
	}
}
