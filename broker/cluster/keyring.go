package cluster

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// The errors of the keyring's verbs. Test them with [errors.Is].
var (
	ErrKey           = errors.New("cluster: no such gossip key")            // not held here, not 32 bytes, or one too many
	ErrNotEverywhere = errors.New("cluster: not every node holds that key") // install it there first
	ErrInUse         = errors.New("cluster: a node encrypts with that key") // use another one first
	ErrClosed        = errors.New("cluster: closed")
)

// fingerprintSize is how much of a key's hash names it, in bytes.
const fingerprintSize = 8

// The first byte of what a node says of itself to others: which keys it holds,
// and by the second version whatever else it has to say, behind them.
const (
	metaKeys = 1
	metaMore = 2
)

// announceWithin bounds how long a verb waits until a peer heard of the change.
const announceWithin = 5 * time.Second

// Fingerprint names a gossip key without telling it: 16 hexadecimal digits of a
// hash bound to this purpose.
func Fingerprint(key []byte) string {
	sum := sha256.Sum256(append([]byte("bongsu gossip key\x00"), key...))
	return hex.EncodeToString(sum[:fingerprintSize])
}

// keyring guards memberlist's: nothing is ever removed from the middle, because
// that moves keys within a slice that others are reading.
type keyring struct {
	mu   sync.Mutex
	ring *memberlist.Keyring // nil: nothing is encrypted
}

func newKeyring(keys [][]byte) (*keyring, error) {
	if len(keys) == 0 {
		return new(keyring), nil
	}
	ring, err := memberlist.NewKeyring(keys, keys[0])
	if err != nil {
		return nil, err
	}
	return &keyring{ring: ring}, nil
}

// fingerprints returns those of the keys held, the one that encrypts first.
func (k *keyring) fingerprints() []string {
	if k.ring == nil {
		return nil
	}
	var names []string
	for _, key := range k.ring.GetKeys() {
		names = append(names, Fingerprint(key))
	}
	return names
}

func (k *keyring) install(key []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ring == nil || len(key) != keySize || len(k.ring.GetKeys()) >= maxKeys {
		return ErrKey
	}
	return k.ring.AddKey(bytes.Clone(key))
}

func (k *keyring) use(fingerprint string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	key, _ := k.find(fingerprint)
	if key == nil {
		return ErrKey
	}
	return k.ring.UseKey(key)
}

// remove takes off the keys behind it, then it, and puts the others back: what
// is encrypted with one of them in those microseconds is lost like a packet.
func (k *keyring) remove(fingerprint string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	key, at := k.find(fingerprint)
	if key == nil {
		return ErrKey
	}
	if at == 0 {
		return ErrInUse
	}
	behind := slices.Clone(k.ring.GetKeys()[at+1:])
	for _, last := range slices.Backward(slices.Clone(k.ring.GetKeys()[at:])) {
		if err := k.ring.RemoveKey(last); err != nil {
			return err
		}
	}
	for _, again := range behind {
		if err := k.ring.AddKey(again); err != nil {
			return err
		}
	}
	return nil
}

func (k *keyring) find(fingerprint string) (key []byte, at int) {
	if k.ring == nil {
		return nil, -1
	}
	held := k.ring.GetKeys()
	at = slices.IndexFunc(held, func(key []byte) bool { return Fingerprint(key) == fingerprint })
	if at < 0 {
		return nil, at
	}
	return held[at], at
}

// appendMeta is what a node tells of itself: which keys it holds, and more if
// there is any. One that has no more is understood by every version.
func appendMeta(b []byte, fingerprints []string, more []byte) []byte {
	version := byte(metaKeys)
	if len(more) > 0 {
		version = metaMore
	}
	b = append(b, version, byte(len(fingerprints)))
	for _, f := range fingerprints {
		raw, err := hex.DecodeString(f)
		if err != nil || len(raw) != fingerprintSize { // ours are made above
			panic("cluster: not a fingerprint: " + f)
		}
		b = append(b, raw...)
	}
	return append(b, more...)
}

// parseMeta reads what another node says; nonsense is no keys and no more.
func parseMeta(b []byte) (fingerprints []string, more []byte) {
	if len(b) < 2 || int(b[1]) > maxKeys {
		return nil, nil
	}
	end := 2 + int(b[1])*fingerprintSize
	if len(b) < end || b[0] != metaMore && (b[0] != metaKeys || len(b) != end) {
		return nil, nil
	}
	for raw := range slices.Chunk(b[2:end], fingerprintSize) {
		fingerprints = append(fingerprints, hex.EncodeToString(raw))
	}
	if len(b) > end && len(b)-end <= maxMeta {
		more = bytes.Clone(b[end:])
	}
	return fingerprints, more
}

// Keys returns the fingerprints of the gossip keys held here, the one that
// encrypts first. Empty: nothing is encrypted.
func (p *Peer) Keys() []string { return p.keys.fingerprints() }

// Install adds a key that decrypts and tells the other nodes that it is here.
// It holds until the process ends: the file that keys are read from is the
// operator's to change. Errors: [ErrKey], [ErrClosed], and that no peer took
// note within five seconds, which changes nothing here.
func (p *Peer) Install(ctx context.Context, key []byte) error {
	if err := p.keys.install(key); err != nil {
		return err
	}
	return p.announce(ctx)
}

// Use makes a key the one that encrypts. [ErrNotEverywhere]: a live node does
// not hold it and would hear nothing more. Other errors as with [Peer.Install].
func (p *Peer) Use(ctx context.Context, fingerprint string) error {
	for _, m := range p.Members() {
		if !m.Self && !slices.Contains(m.Keys, fingerprint) {
			return fmt.Errorf("%w: %s", ErrNotEverywhere, m.Name)
		}
	}
	if err := p.keys.use(fingerprint); err != nil {
		return err
	}
	return p.announce(ctx)
}

// Remove forgets a key. [ErrInUse]: this node or a live one encrypts with it.
// Other errors as with [Peer.Install].
func (p *Peer) Remove(ctx context.Context, fingerprint string) error {
	for _, m := range p.Members() {
		if len(m.Keys) > 0 && m.Keys[0] == fingerprint {
			return fmt.Errorf("%w: %s", ErrInUse, m.Name)
		}
	}
	if err := p.keys.remove(fingerprint); err != nil {
		return err
	}
	return p.announce(ctx)
}

// announce tells peers what this node holds now.
func (p *Peer) announce(ctx context.Context) error {
	if p.life.Err() != nil {
		return ErrClosed
	}
	told := make(chan error, 1)
	go func() { told <- p.list.UpdateNode(announceWithin) }()
	select {
	case err := <-told:
		if err != nil {
			return fmt.Errorf("announce gossip keys: %w", err)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
