package dev

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/bongsu/bongsu/broker/client"
	"github.com/bongsu/bongsu/broker/config"
)

const (
	operatorName   = "dev"
	credentialFile = "operator.secret"
)

// listenAdmin takes a free port for the admin listener of every site.
func (i *Instance) listenAdmin(ctx context.Context) error {
	for _, site := range i.sites {
		listeners, port, err := i.port(ctx, 0)
		if err != nil {
			return err
		}
		site.ports[1] = port
		site.admin, site.adminListeners = "http://localhost:"+strconv.Itoa(port), listeners
	}
	return nil
}

// buildOperator makes the credential of the one operator. It is new each time
// and goes with the instance; only this user can read its file.
func (i *Instance) buildOperator() (config.Operator, error) {
	secret, hash, err := client.NewSecret(rand.Reader)
	if err != nil {
		return config.Operator{}, err
	}
	i.credential = filepath.Join(i.dir, credentialFile)
	if err := os.WriteFile(i.credential, []byte(secret+"\n"), 0o600); err != nil {
		return config.Operator{}, fmt.Errorf("write credential: %w", err)
	}
	return config.Operator{Name: operatorName, SecretHashes: [][32]byte{hash}}, nil
}
