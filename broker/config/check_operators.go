package config

import (
	"slices"
	"strings"

	"github.com/bongsu/bongsu/broker/client"
)

const (
	maxOperators = 32
	maxCanaries  = 8
)

// operators checks who may give orders. Their credentials are secrets as those
// of clients, and kept as hashes alone.
func (c *checker) operators() {
	if len(c.file.Operators) > maxOperators {
		c.add("operators", "operators lists %d: at most %d", len(c.file.Operators), maxOperators)
	}
	if len(c.file.Operators) > 0 && c.file.Admin == "" && !c.bad["admin"] {
		c.add("operators", "operators needs admin, the listener on which they give their orders")
	}
	names, owners := make(map[string]int), make(map[[32]byte]string)
	for i := range c.file.Operators {
		path, written := index("operators", i), &c.file.Operators[i]
		if c.bad[path] {
			continue
		}
		first, doubled := names[written.Name]
		switch {
		case c.bad[path+".name"]:
		case written.Name == "":
			c.add(path+".name", "%s.name is required: it stands in the audit log", path)
		case !namePattern.MatchString(written.Name):
			c.add(path+".name", "%s.name %s must be at most 32 lower-case letters, digits and hyphens", path, readable(written.Name))
		case doubled:
			c.add(path+".name", "%s.name %s is already that of operators[%d]", path, readable(written.Name), first)
		default:
			names[written.Name] = i
		}
		built := Operator{Name: written.Name, SecretHashes: c.operatorSecrets(path, written)}
		for _, hash := range built.SecretHashes {
			if owner, taken := owners[hash]; taken {
				c.add(path, "%s has a secret of %s: the audit log could not tell them apart", path, readable(owner))
			}
			owners[hash] = written.Name
		}
		c.config.Operators = append(c.config.Operators, built)
	}
}

func (c *checker) operatorSecrets(path string, w *fileOperator) [][32]byte {
	secret, set := c.secret(path+".secret", w.Secret, w.SecretFile, w.SecretCommand)
	var hashes [][32]byte
	if secret != "" {
		if len(secret) < minSecret || strings.ContainsFunc(secret, isControl) {
			c.add(c.source(path+".secret"), "%s.secret must be one line of at least %d random characters", path, minSecret)
		}
		if client.Mistyped(secret) {
			c.add(c.source(path+".secret"), "%s.secret is cut off or mistyped: its checksum is wrong", path)
		}
		hashes = append(hashes, client.HashSecret(secret))
	}
	for i, text := range w.SecretHashes {
		hash, err := client.ParseHash(text)
		if err != nil {
			c.add(index(path+".secret_hashes", i), "%s.secret_hashes: each must be the SHA-256 of a secret, as sha256: and 64 hexadecimal digits", path)
			continue
		}
		hashes = append(hashes, hash)
	}
	switch {
	case len(hashes) > maxSecrets:
		c.add(path+".secret_hashes", "%s has %d secrets: at most %d may live at a time", path, len(hashes), maxSecrets)
	case !set && len(w.SecretHashes) == 0 && !c.bad[path+".secret_hashes"]:
		c.add(path, "%s needs a secret: set secret_hashes to what bongsu init wrote, or secret_file", path)
	}
	return hashes
}

// health checks whom this site asks whether it is cut off. Canaries are asked
// as providers are, so nothing inside our own network is one unless opened.
func (c *checker) health() {
	h := c.file.Health
	c.config.Health = Health(h)
	if len(h.Canaries) > maxCanaries {
		c.add("health.canaries", "health.canaries lists %d: at most %d", len(h.Canaries), maxCanaries)
	}
	for i, raw := range h.Canaries {
		at := index("health.canaries", i)
		if slices.Contains(h.Canaries[:i], raw) {
			c.add(at, "health.canaries lists %s twice", readable(raw))
			continue
		}
		c.outboundURL(at, raw)
	}
}
