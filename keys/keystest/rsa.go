package keystest

import (
	"crypto/rand"
	"crypto/rsa"
	"io"
	"sync"
)

var pool struct {
	mu   sync.Mutex
	keys []*rsa.PrivateKey
}

// RSA returns a function for [keys.Options.GenerateRSA]. It hands out the RSA
// keys of this process in their order, each once, and makes one only when no
// function before has come this far. Rings on one store must share one
// function: two keys of a store must not be the same.
func RSA() func(io.Reader) (*rsa.PrivateKey, error) {
	var mu sync.Mutex
	next := 0
	return func(io.Reader) (*rsa.PrivateKey, error) {
		mu.Lock()
		defer mu.Unlock()
		pool.mu.Lock()
		defer pool.mu.Unlock()
		if next == len(pool.keys) {
			key, err := rsa.GenerateKey(rand.Reader, 2048)
			if err != nil {
				return nil, err
			}
			pool.keys = append(pool.keys, key)
		}
		next++
		return pool.keys[next-1], nil
	}
}
