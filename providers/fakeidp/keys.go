package fakeidp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"maps"
	"math/big"
	"slices"
	"sync"
)

// keyBits is the size of RSA keys.
const keyBits = 2048

// maxPooled bounds how many keys the process remembers; more are made afresh.
const maxPooled = 64

// signingKey is one key: RSA, or P-256 where the dialect signs ES256. Keys are
// shared by all servers of a process, because making one takes longer than most
// tests.
type signingKey struct {
	id      string
	private *rsa.PrivateKey // nil for P-256
	ec      *ecdsa.PrivateKey
}

// place names a key of the pool: the g-th generation of the n-th upstream.
type place struct {
	ec   bool
	n, g int
}

var pool struct {
	mu   sync.Mutex
	keys map[place]*signingKey
}

// pooledKey returns the key of a place.
func pooledKey(at place) *signingKey {
	pool.mu.Lock()
	defer pool.mu.Unlock()
	if key, ok := pool.keys[at]; ok {
		return key
	}
	key := newKey(at.ec)
	if len(pool.keys) < maxPooled {
		if pool.keys == nil {
			pool.keys = map[place]*signingKey{}
		}
		pool.keys[at] = key
	}
	return key
}

func newKey(ec bool) *signingKey {
	key := &signingKey{}
	var err error
	var public []byte
	if ec {
		if key.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err == nil {
			public, err = key.ec.PublicKey.Bytes()
		}
	} else if key.private, err = rsa.GenerateKey(rand.Reader, keyBits); err == nil {
		public = key.private.N.Bytes()
	}
	if err != nil {
		panic("fakeidp: make a key: " + err.Error()) // crypto/rand never fails, and the size is right
	}
	sum := sha256.Sum256(public)
	key.id = base64.RawURLEncoding.EncodeToString(sum[:15])
	return key
}

// foreignKey is a key that no upstream ever has.
func foreignKey(ec bool) *signingKey { return pooledKey(place{ec: ec, n: -1}) }

// Generations that no rotation reaches.
const (
	standby   = 1 << 20 // published while the key that signs is not
	stolenOne = 1<<20 + 1
)

func (u *Upstream) stolenKey() *signingKey { return u.keys.generation(stolenOne) }

// StolenKey returns the id of the key that signs under [StolenKey], which is
// published only then.
func (u *Upstream) StolenKey() (kid string) { return u.stolenKey().id }

var sharedECKey = sync.OnceValue(func() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic("fakeidp: make a key: " + err.Error()) // as above
	}
	return key
})

func (k *signingKey) sign(claims, more map[string]any, edit func(map[string]any)) (string, error) {
	if k.ec != nil {
		h := header("ES256", k.id)
		maps.Copy(h, more)
		return signEC(k.ec, h, claims, edit)
	}
	h := header("RS256", k.id)
	maps.Copy(h, more)
	return signRSA(k.private, h, claims, edit)
}

// signAs signs under another key's id.
func (k *signingKey) signAs(id string, claims map[string]any, edit func(map[string]any)) (string, error) {
	other := *k
	other.id = id
	return other.sign(claims, nil, edit)
}

// public returns the key as a JWK of a published set.
func (k *signingKey) public() map[string]any {
	if k.ec != nil {
		point, err := k.ec.PublicKey.Bytes()
		if err != nil {
			panic("fakeidp: encode a key: " + err.Error()) // P-256 keys always encode
		}
		return map[string]any{
			"kty": "EC", "use": "sig", "alg": "ES256", "kid": k.id, "crv": "P-256",
			"x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:]),
		}
	}
	return map[string]any{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": k.id,
		"n": base64.RawURLEncoding.EncodeToString(k.private.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.private.E)).Bytes()),
	}
}

// keyring holds the keys of one upstream, oldest first. The first is made when
// it is needed.
type keyring struct {
	number int
	ec     bool

	mu        sync.Mutex
	keys      []*signingKey
	withdrawn map[string]bool
}

func newKeyring(number int, ec bool) *keyring {
	return &keyring{number: number, ec: ec, withdrawn: map[string]bool{}}
}

func (k *keyring) generation(g int) *signingKey { return pooledKey(place{ec: k.ec, n: k.number, g: g}) }

func (k *keyring) newest() *signingKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.all()[len(k.keys)-1]
}

// all needs the lock.
func (k *keyring) all() []*signingKey {
	if len(k.keys) == 0 {
		k.keys = []*signingKey{k.generation(0)}
	}
	return k.keys
}

func (k *keyring) find(kid string) (*signingKey, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	i := slices.IndexFunc(k.all(), func(key *signingKey) bool { return key.id == kid })
	if i < 0 {
		return nil, false
	}
	return k.keys[i], true
}

func (k *keyring) published() []*signingKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(k.all()), func(key *signingKey) bool { return k.withdrawn[key.id] })
}

// RotateKeys publishes a new key and signs with it from now on; older ones stay
// published. It returns the new key id.
func (u *Upstream) RotateKeys() (kid string) {
	u.keys.mu.Lock()
	defer u.keys.mu.Unlock()
	key := u.keys.generation(len(u.keys.all()))
	u.keys.keys = append(u.keys.keys, key)
	return key.id
}

// WithdrawKey takes a key out of the published set. If it is the newest,
// tokens go on being signed with it.
func (u *Upstream) WithdrawKey(kid string) {
	u.keys.mu.Lock()
	defer u.keys.mu.Unlock()
	u.keys.withdrawn[kid] = true
}

// RestoreKey publishes a withdrawn key again.
func (u *Upstream) RestoreKey(kid string) {
	u.keys.mu.Lock()
	defer u.keys.mu.Unlock()
	delete(u.keys.withdrawn, kid)
}

// PublishedKeys returns the key ids in the upstream's JWKS, oldest first.
func (u *Upstream) PublishedKeys() []string {
	var ids []string
	for _, key := range u.keys.published() {
		ids = append(ids, key.id)
	}
	return ids
}

// PublicKeyPEM returns the newest public key as a PEM block of PKIX form.
func (u *Upstream) PublicKeyPEM() []byte {
	newest := u.keys.newest()
	var public any
	if newest.ec != nil {
		public = &newest.ec.PublicKey
	} else {
		public = &newest.private.PublicKey
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		panic("fakeidp: encode a key: " + err.Error()) // keys of both types always encode
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}
