package broker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/bongsu/bongsu/broker/config"
)

// Restored has the database of cfg, which was set back to a backup, go by another
// name, and returns both. Nodes find out by themselves that a store has forgotten what
// they read of it; one that had read no further than the backup cannot, and might miss
// what others enter in it again: the name tells every one. No node may be running, and
// none may be started for [token.CodeLife] afterwards: the store has forgotten which
// codes were used since.
func Restored(ctx context.Context, cfg *config.Config) (was, now string, err error) {
	opened, err := openStore(ctx, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return "", "", err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	if was, err = opened.Incarnation(ctx); err != nil {
		return "", "", fmt.Errorf("read the database's name: %w", err)
	}
	if now, err = opened.RenewIncarnation(ctx, was, strings.ToLower(rand.Text())); err != nil {
		return "", "", fmt.Errorf("rename the database: %w", err)
	}
	return was, now, nil
}
