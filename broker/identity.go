package broker

import (
	"context"
	"errors"
	"log/slog"

	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/store/sqlstore"
	"github.com/bongsu/bongsu/keys"
)

// IdentityRotation is the rotation of the identity of cfg's site, for the
// operator's commands. It works on the store itself and needs no running node;
// the first identity of a new site is made, so that other sites can list it
// before this one has ever been served. Close closes the store.
func IdentityRotation(ctx context.Context, cfg *config.Config, logger *slog.Logger) (rotation *keys.Rotation, closeStore func() error, err error) {
	opened, err := sqlstore.Open(ctx, sqlstore.Options{
		Driver: cfg.Store.Driver, Path: cfg.Store.Path, Writer: cfg.Store.Writer, Reader: cfg.Store.Reader, Manual: cfg.Store.Manual, Logger: logger,
	})
	if err != nil {
		return nil, nil, err
	}
	rotation, err = keys.OpenRotation(ctx, keys.RotationOptions{
		Site: cfg.Site, Store: opened, Wrap: cfg.SiteKey, Named: cfg.Identities()[cfg.Site],
	})
	if err != nil {
		return nil, nil, errors.Join(err, opened.Close())
	}
	return rotation, opened.Close, nil
}
