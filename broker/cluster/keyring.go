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

// Why a node does not hold other keys. Test them with [errors.Is].
var (
	ErrKey           = errors.New("cluster: not a gossip key")                       // not held, not 32 bytes, or one too many
	ErrNotEverywhere = errors.New("cluster: a node does not hold the new key yet")   // to put first what it has nowhere
	ErrInUse         = errors.New("cluster: a node still encrypts with the old key") // to let go of what it needs
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

// announceWithin bounds the wait until a peer heard of a change.
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
	return fingerprintsOf(k.ring.GetKeys())
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

// Admits reports whether this node may hold some keys instead of those it holds,
// the one that encrypts first. [ErrNotEverywhere]: a live node does not hold the
// first and would hear nothing more. [ErrInUse]: a live node encrypts with one that
// is not among them. [ErrKey]: one is not 32 bytes, there are too many with those
// held now, or this node does not encrypt at all.
func (p *Peer) Admits(keys [][]byte) error {
	if p.keys.ring == nil && len(keys) == 0 {
		return nil
	}
	if p.keys.ring == nil || len(keys) == 0 || slices.ContainsFunc(keys, func(k []byte) bool { return len(k) != keySize }) {
		return ErrKey
	}
	held, wanted := p.Keys(), fingerprintsOf(keys)
	if gone := missing(held, wanted); len(gone)+len(wanted) > maxKeys {
		return ErrKey
	}
	for _, m := range p.Members() {
		switch {
		case m.Self:
		case wanted[0] != held[0] && !slices.Contains(m.Keys, wanted[0]):
			return fmt.Errorf("%w: %s", ErrNotEverywhere, m.Name)
		case len(m.Keys) > 0 && slices.Contains(missing(held, wanted), m.Keys[0]):
			return fmt.Errorf("%w: %s", ErrInUse, m.Name)
		}
	}
	return nil
}

// Hold holds the keys of a list instead of those before, the one that encrypts
// first, and tells the other nodes. To change a key over all nodes without losing a
// packet, every node first holds the new one behind the old one, then in front of
// it, then alone. Keys are of this process: those of the next one come from
// [Options].Keys. Errors: those of [Peer.Admits], which leave all as it was,
// [ErrClosed], and that no peer took note within five seconds, which hears of it
// with the next exchange of everything.
func (p *Peer) Hold(ctx context.Context, keys [][]byte) error {
	if err := p.Admits(keys); err != nil {
		return err
	}
	held, wanted := p.Keys(), fingerprintsOf(keys)
	if slices.Equal(held, wanted) {
		return nil
	}
	for i, key := range keys {
		if slices.Contains(held, wanted[i]) {
			continue
		}
		if err := p.keys.install(key); err != nil {
			return err
		}
	}
	if err := p.keys.use(wanted[0]); err != nil {
		return err
	}
	for _, gone := range missing(held, wanted) {
		if err := p.keys.remove(gone); err != nil {
			return err
		}
	}
	return p.announce(ctx)
}

func fingerprintsOf(keys [][]byte) []string {
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = Fingerprint(key)
	}
	return names
}

// missing are those of all that some lacks.
func missing(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(name string) bool { return slices.Contains(some, name) })
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
