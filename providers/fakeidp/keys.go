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

// rsaKey is one signing key. Keys are shared by all servers of a process,
// because making one takes longer than most tests.
type rsaKey struct {
	id      string
	private *rsa.PrivateKey
}

var pool struct {
	mu   sync.Mutex
	keys map[[2]int]*rsaKey
}

// pooledKey returns the key of the n-th upstream in its g-th generation.
func pooledKey(n, g int) *rsaKey {
	pool.mu.Lock()
	defer pool.mu.Unlock()
	if key, ok := pool.keys[[2]int{n, g}]; ok {
		return key
	}
	private, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		panic("fakeidp: make a key: " + err.Error()) // crypto/rand never fails, and the size is right
	}
	sum := sha256.Sum256(private.N.Bytes())
	key := &rsaKey{id: base64.RawURLEncoding.EncodeToString(sum[:15]), private: private}
	if len(pool.keys) < maxPooled {
		if pool.keys == nil {
			pool.keys = map[[2]int]*rsaKey{}
		}
		pool.keys[[2]int{n, g}] = key
	}
	return key
}

// foreignKey is a key that no upstream ever has.
func foreignKey() *rsaKey { return pooledKey(-1, 0) }

// Generations that no rotation reaches.
const (
	standby   = 1 << 20 // published while the key that signs is not
	stolenOne = 1<<20 + 1
)

func (u *Upstream) stolenKey() *rsaKey { return pooledKey(u.keys.number, stolenOne) }

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

func (k *rsaKey) sign(claims, more map[string]any, edit func(map[string]any)) (string, error) {
	h := header("RS256", k.id)
	maps.Copy(h, more)
	return signRSA(k.private, h, claims, edit)
}

// public returns the key as a JWK of a published set.
func (k *rsaKey) public() map[string]any {
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

	mu        sync.Mutex
	keys      []*rsaKey
	withdrawn map[string]bool
}

func newKeyring(number int) *keyring {
	return &keyring{number: number, withdrawn: map[string]bool{}}
}

func (k *keyring) newest() *rsaKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.all()[len(k.keys)-1]
}

// all needs the lock.
func (k *keyring) all() []*rsaKey {
	if len(k.keys) == 0 {
		k.keys = []*rsaKey{pooledKey(k.number, 0)}
	}
	return k.keys
}

func (k *keyring) find(kid string) (*rsaKey, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	i := slices.IndexFunc(k.all(), func(key *rsaKey) bool { return key.id == kid })
	if i < 0 {
		return nil, false
	}
	return k.keys[i], true
}

func (k *keyring) published() []*rsaKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(k.all()), func(key *rsaKey) bool { return k.withdrawn[key.id] })
}

// RotateKeys publishes a new key and signs with it from now on; older ones stay
// published. It returns the new key id.
func (u *Upstream) RotateKeys() (kid string) {
	u.keys.mu.Lock()
	defer u.keys.mu.Unlock()
	key := pooledKey(u.keys.number, len(u.keys.all()))
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
	der, err := x509.MarshalPKIXPublicKey(&u.keys.newest().private.PublicKey)
	if err != nil {
		panic("fakeidp: encode a key: " + err.Error()) // RSA keys always encode
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}
