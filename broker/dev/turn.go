package dev

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/bongsu/bongsu/broker/dev/hull"
	"github.com/bongsu/bongsu/broker/dev/switchboard"
	"github.com/bongsu/bongsu/broker/store/sqlstore"
)

// startIn bounds how long a site may take to start, waiting for a writer included.
const startIn = 10 * time.Second

// writesAt implements turner.
func (i *Instance) writesAt(s *Site) bool { return i.seat.at(s) }

// turn implements turner. It goes on when the request that asked for it has ended:
// half of a turn is no state.
func (i *Instance) turn(ctx context.Context, s *Site, to switchboard.State) error {
	if len(i.sites) == 1 {
		return fmt.Errorf("%w: there is one site; dev --sites 3 has three", switchboard.ErrState)
	}
	i.turning.Lock()
	defer i.turning.Unlock()
	if i.over {
		return fmt.Errorf("%w: dev mode ends", switchboard.ErrNotNow)
	}
	if s.State() == to {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startIn)
	defer cancel()
	defer context.AfterFunc(i.life, cancel)()
	if err := i.change(ctx, s, to); err != nil {
		return err
	}
	i.teller.at(s.name).add(switchboard.Event{Kind: turnings[to]})
	return nil
}

// turnings are what is told of a site that fares otherwise.
var turnings = map[switchboard.State]switchboard.Kind{
	switchboard.SiteOK: switchboard.TurnedOK, switchboard.SiteDead: switchboard.TurnedDead,
	switchboard.SiteFrozen: switchboard.TurnedFrozen, switchboard.SiteCut: switchboard.TurnedCut,
}

func (i *Instance) change(ctx context.Context, s *Site, to switchboard.State) error {
	if to == switchboard.SiteDead {
		i.let(s, hull.Gone)
		return s.kill()
	}
	if to == switchboard.SiteCut && i.file == "" {
		return fmt.Errorf("%w: this database cannot be copied here, so no replica of it grows old", switchboard.ErrState)
	}
	if s.State() == switchboard.SiteDead {
		if err := i.revive(ctx, s); err != nil {
			return err
		}
	}
	switch to {
	case switchboard.SiteFrozen:
		i.let(s, hull.Frozen)
		return nil
	case switchboard.SiteCut:
		return i.cut(ctx, s)
	default:
		i.let(s, hull.Open)
		return s.reconnect()
	}
}

// let sets what passes the hull of a site.
func (i *Instance) let(s *Site, pass hull.State) {
	s.hull.Turn(pass)
	i.seat.noted()
}

// revive starts a dead site. If the writer was in no site, it may be in this one
// now, at once or when it is due.
func (i *Instance) revive(ctx context.Context, s *Site) error {
	s.starting.Store(true)
	defer s.starting.Store(false)
	i.let(s, hull.Open)
	if !i.seat.await(ctx, s) {
		i.options.Logger.LogAttrs(ctx, slog.LevelInfo, "a site starts without a writer", slog.String("event", "dev.no_writer"), slog.String("site", s.name))
	}
	if err := s.live(ctx, i.failed); err != nil {
		i.let(s, hull.Gone)
		return fmt.Errorf("%w: %w", switchboard.ErrNotNow, err)
	}
	return nil
}

// cut takes a site off the others. What it keeps of the database is a copy, as
// the file is once the site can write to it no more.
func (i *Instance) cut(ctx context.Context, s *Site) error {
	before := s.hull.State()
	i.let(s, hull.Cut)
	if s.closes != nil {
		return nil // it was cut off before it froze
	}
	dir, err := os.MkdirTemp(i.dir, s.name+"-cut-")
	if err != nil {
		i.let(s, before)
		return fmt.Errorf("make a place for the copy: %w", err)
	}
	forget := func() error { return os.RemoveAll(dir) }
	to := filepath.Join(dir, databaseFile)
	err = sqlstore.CopySQLite(ctx, sqlstore.Options{Driver: sqlstore.SQLite, Path: i.file}, to)
	var old *sqlstore.Store
	if err == nil {
		old, err = sqlstore.OpenCopy(sqlstore.Options{Driver: sqlstore.SQLite, Path: to, Logger: i.options.Logger})
	}
	if err != nil {
		i.let(s, before)
		return errors.Join(err, forget())
	}
	s.closes = func() error { return errors.Join(old.Close(), forget()) }
	s.copied.Store(old)
	return nil
}
