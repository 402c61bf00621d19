package config

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bongsu/bongsu/keys"
)

const (
	maxSites      = 16 // every node verifies the news of all
	maxIdentities = 2  // of one site: the present and the next
	maxSeeds      = 64
	maxGossipKeys = 3 // the present, the next and the one before
	gossipKeySize = 32
)

var (
	nodePattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$`)
	// srvPattern is the name of a service in DNS, RFC 2782.
	srvPattern = regexp.MustCompile(`^srv:_[a-z0-9-]{1,62}\._(udp|tcp)\.([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.?$`)
)

// node checks the name of this process, or takes that of the machine.
func (c *checker) node() {
	c.config.Node = c.file.Node
	if c.file.Node == "" && !c.bad["node"] {
		name, err := c.hostname()
		c.config.Node = strings.ToLower(name)
		if err != nil || !nodePattern.MatchString(c.config.Node) {
			c.add("node", "node is required, as the name of this machine is no name for a node: such as seoul-1, and the same after every restart")
		}
		return
	}
	if !nodePattern.MatchString(c.file.Node) {
		c.add("node", "node %s must be at most 64 lower-case letters, digits, dots and hyphens", readable(c.file.Node))
	}
}

// sites checks the list of all sites. What a site has signed is believed if its
// identity stands here, so every other site must have one; the own is in the
// store.
func (c *checker) sites() {
	if len(c.file.Sites) > maxSites {
		c.add("sites", "sites lists %d: at most %d", len(c.file.Sites), maxSites)
	}
	names, owners := make(map[string]int), make(map[string]string)
	var listed []string
	for i := range c.file.Sites {
		path, written := index("sites", i), &c.file.Sites[i]
		if c.bad[path] {
			continue
		}
		first, doubled := names[written.Name]
		switch {
		case c.bad[path+".name"]:
		case written.Name == "":
			c.add(path+".name", "%s.name is required", path)
		case !namePattern.MatchString(written.Name):
			c.add(path+".name", "%s.name %s must be at most 32 lower-case letters, digits and hyphens", path, readable(written.Name))
		case doubled:
			c.add(path+".name", "%s.name %s is already that of sites[%d]", path, readable(written.Name), first)
		default:
			names[written.Name], listed = i, append(listed, written.Name)
		}
		c.config.Sites = append(c.config.Sites, Site{
			Name: written.Name, Origin: c.siteOrigin(path+".origin", written.Origin), Identities: c.identities(path, written, owners),
		})
	}
	if _, ok := names[c.file.Site]; len(names) > 0 && !ok && c.file.Site != "" {
		c.add("sites", "sites must list this site too: %s is not among them%s", readable(c.file.Site), meant(c.file.Site, listed))
	}
}

// identities checks what one site is known by. owners are the sites of those
// read before.
func (c *checker) identities(path string, w *fileSite, owners map[string]string) []ed25519.PublicKey {
	at := path + ".identities"
	switch {
	case c.bad[at]:
	case len(w.Identities) > maxIdentities:
		c.add(at, "%s lists %d: at most %d, while the site changes from one to the other", at, len(w.Identities), maxIdentities)
	case len(w.Identities) == 0 && w.Name != c.file.Site:
		c.add(at, "%s is required: bongsu keys identity show prints it at that site", at)
	}
	var all []ed25519.PublicKey
	for i, text := range w.Identities {
		public, err := keys.ParseIdentity(text)
		owner, taken := owners[text]
		switch {
		case c.bad[index(at, i)]:
		case err != nil:
			c.add(index(at, i), "%s: %s must be ed25519: and 43 characters, as bongsu keys identity show prints it", at, readable(text))
		case taken:
			c.add(index(at, i), "%s: %s is already an identity of %s", at, readable(text), owner)
		default:
			owners[text] = w.Name
			all = append(all, public)
		}
	}
	return all
}

// gossip checks how the nodes speak with each other.
func (c *checker) gossip() {
	w := c.file.Gossip
	if w == nil || c.bad["gossip"] {
		return
	}
	if w.Listen == "" {
		w.Listen = defaultGossip
	}
	if w.Label == "" {
		w.Label = defaultLabel
	}
	if host, ok := c.address("gossip.listen", w.Listen); ok && host != "" {
		addr, err := netip.ParseAddr(host)
		if err != nil {
			c.add("gossip.listen", "gossip.listen %s must begin with an address of this machine, or 0.0.0.0", readable(w.Listen))
		}
		if addr == netip.IPv6Unspecified() && w.Advertise == "" {
			c.add("gossip.listen", "gossip.advertise is required with gossip.listen %s: the others must be told one address", readable(w.Listen))
		}
	}
	c.advertise("gossip.advertise", w.Advertise)
	if !namePattern.MatchString(w.Label) {
		c.add("gossip.label", "gossip.label %s must be at most 32 lower-case letters, digits and hyphens", readable(w.Label))
	}
	c.seeds(w.Seeds)
	for i, prefix := range w.Allow {
		if prefix.IsValid() && prefix.Bits() == 0 {
			c.add(index("gossip.allow", i), "gossip.allow must not name every address: leave it out, or name the ranges that nodes are in")
		}
	}
	c.config.Gossip = &Gossip{
		Listen: w.Listen, Advertise: w.Advertise, Label: w.Label, Seeds: w.Seeds, Allow: w.Allow, Keys: c.gossipKeys(w),
	}
}

// peers checks how the nodes ask each other things.
func (c *checker) peers() {
	w := c.file.Peers
	if w == nil || c.bad["peers"] {
		return
	}
	if w.Listen == "" {
		w.Listen = defaultPeers
	}
	if c.file.Gossip == nil {
		c.add("peers", "peers needs gossip: it is how nodes find each other")
		return
	}
	if host, ok := c.address("peers.listen", w.Listen); ok && host != "" {
		if _, err := netip.ParseAddr(host); err != nil {
			c.add("peers.listen", "peers.listen %s must begin with an address of this machine, or 0.0.0.0", readable(w.Listen))
		}
	}
	if w.Listen == c.file.Gossip.Listen && !strings.HasSuffix(w.Listen, ":0") {
		c.add("peers.listen", "peers.listen %s is where gossip listens: take another port, such as 7947", readable(w.Listen))
	}
	c.advertise("peers.advertise", w.Advertise)
	c.config.Peers = &Peers{Listen: w.Listen, Advertise: w.Advertise}
}

// advertise checks where a node says that it can be reached.
func (c *checker) advertise(path, value string) {
	if value == "" {
		return
	}
	host, ok := c.address(path, value)
	if !ok {
		return
	}
	addr, err := netip.ParseAddr(host)
	_, port, _ := net.SplitHostPort(value)
	if host == "" || (err == nil && addr.IsUnspecified()) || port == "0" {
		c.add(path, "%s %s must be an address and port at which the other nodes reach this one", path, readable(value))
	}
}

// seeds checks where other nodes are looked for. Their names are resolved again
// and again while the node runs, so none is resolved now.
func (c *checker) seeds(seeds []string) {
	const path = "gossip.seeds"
	if len(seeds) > maxSeeds {
		c.add(path, "%s lists %d: at most %d", path, len(seeds), maxSeeds)
	}
	for i, seed := range seeds {
		at := index(path, i)
		if c.bad[at] {
			continue
		}
		if slices.Contains(seeds[:i], seed) {
			c.add(at, "%s lists %s twice", path, readable(seed))
			continue
		}
		if strings.HasPrefix(seed, "srv:") {
			if !srvPattern.MatchString(seed) {
				c.add(at, "%s: %s must name a service in DNS, such as srv:_bongsu._udp.example.kr", path, readable(seed))
			}
			continue
		}
		host, port, err := net.SplitHostPort(seed)
		number, portErr := strconv.ParseUint(port, 10, 16)
		_, addrErr := netip.ParseAddr(host)
		if err != nil || portErr != nil || number == 0 || (addrErr != nil && !hostPattern.MatchString(host)) {
			c.add(at, "%s: %s must be host:port, such as busan-1.example.kr:7946, or srv:_bongsu._udp.example.kr", path, readable(seed))
		}
	}
}

// gossipKeys reads what all nodes encrypt their packets with.
func (c *checker) gossipKeys(w *fileGossip) [][]byte {
	const path = "gossip.keys"
	text, set := c.secret(path, w.Keys, w.KeysFile, w.KeysCommand)
	if !set {
		c.add("gossip", "gossip.keys is required: set gossip.keys_file to a file that bongsu init wrote, the same at every node")
	}
	if text == "" {
		return nil
	}
	parsed, err := ParseGossipKeys(text)
	if err != nil {
		c.add(c.source(path), "%s: %v", path, err)
	}
	return parsed
}

// ParseGossipKeys reads keys of AES-256, one a line in base64; the first is the
// one to encrypt with. There are one to three. The error is a sentence that says
// what to change and holds nothing of the keys.
func ParseGossipKeys(text string) ([][]byte, error) {
	var all [][]byte
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		key, err := base64.StdEncoding.Strict().DecodeString(line)
		switch {
		case err != nil || len(key) != gossipKeySize:
			return nil, errors.New("each line must be 32 bytes in base64, as bongsu init writes it")
		case slices.ContainsFunc(all, func(k []byte) bool { return bytes.Equal(k, key) }):
			return nil, errors.New("the same key stands there twice")
		}
		all = append(all, key)
	}
	if len(all) == 0 || len(all) > maxGossipKeys {
		return nil, fmt.Errorf("there must be 1 to %d keys, not %d", maxGossipKeys, len(all))
	}
	return all, nil
}
