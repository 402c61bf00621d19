package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/keys"
)

// node is a configuration that registrations are checked against.
func node() *Config {
	return &Config{Providers: []Provider{{ID: "kakao"}, {ID: "naver"}}, Keys: Keys{Algorithms: []keys.Algorithm{keys.RS256, keys.ES256}}}
}

func hashed() [][32]byte { return [][32]byte{client.HashSecret("a long random secret of our own")} }

func TestARegistrationIsReadAsAnEntryOfTheFile(t *testing.T) {
	id, document, err := ReadRegistration("shop.yaml", []byte(`
name: 한빛상점 <b>
id: "007"
first_party: true
names: {en: Hanbit}
redirect_uris: [https://shop.example/cb]
providers: [naver, kakao]
min_acr:
`))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"first_party":true,"id":"007","name":"한빛상점 \u003cb\u003e","names":{"en":"Hanbit"},"providers":["naver","kakao"],"redirect_uris":["https://shop.example/cb"]}`
	if id != "007" || string(document) != want {
		t.Errorf("%s is registered as %s, want %s", id, document, want)
	}
	if again, same, err := ReadRegistration("again", document); err != nil || again != id || string(same) != want {
		t.Errorf("read again it is %s, %v", same, err)
	}
	built, err := node().Client(document, hashed())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"naver", "kakao"}, built.Providers); diff != "" || built.ID != "007" || built.Name != "한빛상점 <b>" || !built.FirstParty || len(built.SecretHashes) != 1 {
		t.Errorf("it means %+v", built)
	}
}

func TestARegistrationSaysItsWordsAsTheFileDoes(t *testing.T) {
	const said = `{"id":"shop","name":"Shop","redirect_uris":["https://shop.example/cb"],"pkce":"optional","stale":"allow","writer_gone":"wait","continuation":true}`
	built, err := node().Client([]byte(said), hashed())
	if err != nil {
		t.Fatal(err)
	}
	if !built.PKCEOptional || !built.StaleAllowed || !built.Waits() || !built.Continuation {
		t.Errorf("it means %+v", built)
	}
	if _, err := node().Client([]byte(strings.Replace(said, "allow", "alow", 1)), hashed()); err == nil || !strings.Contains(err.Error(), `did you mean "allow"?`) {
		t.Errorf("a word that is none: %v", err)
	}
}

func TestARegistrationThatCannotBeUnderstood(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"an unknown key", "id: shop\nnamed: Shop", `shop.yaml:2:1: unknown key "named" in client (did you mean "name"?)`},
		{"a secret", "id: shop\nsecret: of-mine", "shop.yaml:2:9: client.secret: secrets are not registered"},
		{"a hash of one", `{"id": "shop", "secret_hashes": []}`, "client.secret_hashes: secrets are not registered"},
		{"a file of keys", "id: shop\njwks_file: /etc/passwd", "shop.yaml:2:12: client.jwks_file: nobody else reads"},
		{"a list", "- id: shop", "the file must be a mapping"},
		{"a key twice", "id: a\nid: b", "is already on line 1"},
		{"much", "name: " + strings.Repeat("a", maxRegistration), "at most 65536 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, document, err := ReadRegistration("shop.yaml", []byte(tt.text))
			if document != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %s, %v; want %q", document, err, tt.want)
			}
		})
	}
}

// AB-04, whichever way a registration comes.
func TestARegistrationThatIsUnsafe(t *testing.T) {
	const sound = `{"id":"shop","name":"Shop","redirect_uris":["https://shop.example/cb"]`
	tests := []struct {
		name, document string
		hashes         [][32]byte
		want           string
	}{
		{"a redirect URI without TLS", `{"id":"shop","name":"Shop","redirect_uris":["http://shop.example/cb"]}`, hashed(), "redirect_uris[0] must use https"},
		{"a script", `{"id":"shop","name":"Shop","redirect_uris":["javascript:alert(1)"]}`, hashed(), "redirect_uris[0]"},
		{"a provider that is not there", sound + `,"providers":["kakoa"]}`, hashed(), `there is no provider with the id "kakoa" (did you mean "kakao"?)`},
		{"an algorithm without keys", sound + `,"id_token_signed_response_alg":"EdDSA"}`, hashed(), "has no such keys"},
		{"a confidential client without a secret", sound + `}`, nil, "secrets: a confidential client needs one"},
		{"a public client with a secret", sound + `,"public":true}`, hashed(), "secrets: a public client cannot keep a secret"},
		{"a logo inside our network", sound + `,"logo_uri":"https://10.0.0.1/logo.png"}`, hashed(), "logo_uri"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			built, err := node().Client([]byte(tt.document), tt.hashes)
			problems, ok := errors.AsType[Problems](err)
			if built != nil || !ok || len(problems) != 1 || !strings.Contains(problems.Messages()[0], tt.want) {
				t.Errorf("got %+v, %v; want %q", built, err, tt.want)
			}
			if ok && strings.HasPrefix(problems.Messages()[0], "client.") {
				t.Errorf("the message says where it stands: %s", problems.Messages()[0])
			}
		})
	}
}
