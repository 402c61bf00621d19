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
	opened, err := openStore(ctx, cfg, logger)
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

func openStore(ctx context.Context, cfg *config.Config, logger *slog.Logger) (*sqlstore.Store, error) {
	return sqlstore.Open(ctx, sqlstore.Options{
		Driver: cfg.Store.Driver, Path: cfg.Store.Path, Writer: cfg.Store.Writer, Reader: cfg.Store.Reader, Manual: cfg.Store.Manual, Logger: logger,
	})
}

// BeginKeys makes the first keys of cfg's site, as a node does that starts, and
// reports whether they sign. They do at once where cfg knows of no other site: so a
// deployment of several sites is founded before any website has read its key set. It
// works on the store itself. A site that has keys keeps them.
func BeginKeys(ctx context.Context, cfg *config.Config, logger *slog.Logger) (sign bool, err error) {
	opened, err := openStore(ctx, cfg, logger)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	ring, err := keys.Open(ctx, keys.Options{
		Issuer: cfg.Issuer.String(), Site: cfg.Site, Algorithms: cfg.Keys.Algorithms, SiteIdentities: cfg.Identities(),
		Store: opened, Wrap: cfg.SiteKey, PublishWindow: cfg.Keys.PublishWindow, ActiveFor: cfg.Keys.ActiveFor, RetireFor: cfg.Keys.RetireFor,
		Logger: logger,
	})
	if err != nil {
		return false, err
	}
	return ring.Ready() == nil, nil
}
