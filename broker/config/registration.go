package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/providers/fetch"
)

// maxRegistration bounds the registration of one client, in bytes.
const maxRegistration = 64 << 10

// secretKeys are the keys of a client that a registration outside the file does
// not have: its secrets are made by the broker.
var secretKeys = []string{"secret", "secret_file", "secret_command", "secret_hashes"}

// ReadRegistration reads what stands in a file as one entry of clients, in YAML or
// JSON, and returns the client's id and the same entry in JSON: the keys in one
// order, secrets never among them. name is what problems call the file. It finds
// what cannot be understood, with its line; what it means is checked by
// [Config.Client]. The error is [Problems].
func ReadRegistration(name string, data []byte) (id string, document []byte, err error) {
	if len(data) > maxRegistration {
		return "", nil, Problems{{Source: name, Line: 1, Column: 1, Message: fmt.Sprintf("a registration has at most %d bytes", maxRegistration)}}
	}
	doc, written, err := readClient(name, data)
	if err != nil {
		return "", nil, err
	}
	if len(doc.problems) > 0 {
		return "", nil, doc.problems.sorted()
	}
	document, err = json.Marshal(said(written))
	if err != nil {
		return "", nil, fmt.Errorf("encode registration: %w", err)
	}
	return written.ID, document, nil
}

// Client reads a registration that [ReadRegistration] wrote and checks it by the
// rules of the file: which providers there are, where our requests may go. Its
// secrets are those with these hashes. The error is [Problems], all of them.
func (c *Config) Client(document []byte, hashes [][32]byte) (*client.Client, error) {
	doc, written, err := readClient("registration", document)
	if err != nil {
		return nil, err
	}
	check := checker{
		document: doc, config: &Config{}, file: &file{},
		fetch: fetch.New(fetch.Options{Allow: c.Outbound.Allow, AllowHTTP: c.Outbound.AllowHTTP}),
	}
	for _, p := range c.Providers {
		check.file.Providers = append(check.file.Providers, fileProvider{ID: p.ID})
	}
	written.JWKSFile = "" // reported already; nothing is read
	built := check.registered(clientPath, &written)
	built.SecretHashes = hashes
	if !slices.Contains(c.Keys.Algorithms, built.IDTokenAlg) && built.IDTokenAlg != "" {
		check.add(clientPath+".id_token_signed_response_alg", "client.id_token_signed_response_alg %q: this broker has no such keys: it has RS256, ES256 and those that a client of its configuration asks for", built.IDTokenAlg)
	}
	check.validate(clientPath, built.Validate(), keysOf)
	if len(doc.problems) > 0 {
		return nil, doc.problems.sorted()
	}
	return built, nil
}

// clientPath is how problems call the one client of a registration.
const clientPath = "client"

// readClient decodes one entry of clients.
func readClient(name string, data []byte) (*document, fileClient, error) {
	var written fileClient
	doc, err := parse(name, data)
	if err != nil {
		return nil, written, err
	}
	doc.value(doc.root, clientPath, reflect.ValueOf(&written).Elem())
	for _, key := range secretKeys {
		if n, ok := doc.at[join(clientPath, key)]; ok && !isNull(n) {
			doc.addAt(n, "client.%s: secrets are not registered, bongsu client add and bongsu client secret add make them", key)
		}
	}
	if n, ok := doc.at[join(clientPath, "jwks_file")]; ok && !isNull(n) {
		doc.addAt(n, "client.jwks_file: nobody else reads this machine's files: write the keys into client.jwks, or set client.jwks_uri")
	}
	return doc, written, nil
}

// said is what a client's entry says, by key; what it leaves out is not there.
func said(written fileClient) map[string]any {
	keys := map[string]any{}
	v := reflect.ValueOf(written)
	for i := range v.NumField() {
		if !v.Field(i).IsZero() {
			keys[v.Type().Field(i).Tag.Get("yaml")] = v.Field(i).Interface()
		}
	}
	return keys
}

// Messages are the problems without where they stand: for whoever has not written
// the text that they stand in.
func (p Problems) Messages() []string {
	said := make([]string, len(p))
	for i, problem := range p {
		said[i] = strings.TrimPrefix(problem.Message, clientPath+".")
	}
	return said
}
