package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/bongsu/bongsu/broker"
	"github.com/bongsu/bongsu/broker/config"
)

// stopBeyond is what a node may take to stop beside what it is configured to wait
// for requests.
const stopBeyond = 10 * time.Second

func newServe() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "serve --config FILE",
		Short: "Run a node",
		Long: `Run a node until it gets SIGINT or SIGTERM: /readyz answers 503 for drain.wait, then
requests under way are finished. A second signal ends it at once.

SIGHUP makes it read the configuration again. The clients of the file, limits, operators,
ceilings of providers and log.level change at once, everything else when it is
restarted; the log names what changed. If anything is wrong the configuration
stays as it was, and the log says why.

Log lines are JSON, on standard error.`,
		Example: `  bongsu serve --config /etc/bongsu/bongsu.yaml
  BONGSU_LOG__LEVEL=debug bongsu serve --config bongsu.yaml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(cmd, path)
			if err != nil {
				return err
			}
			read := func() (*config.Config, error) { return config.Load(path, os.Environ()) }
			return serve(cmd.Context(), cfg, read, cmd.ErrOrStderr())
		},
	}
	configFlag(cmd, &path)
	return cmd
}

// serve runs one node until ctx ends. On SIGHUP it reads the configuration again.
func serve(ctx context.Context, cfg *config.Config, read func() (*config.Config, error), logs io.Writer) (err error) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP) // from now on it no longer ends the process
	defer signal.Stop(hup)
	var level slog.LevelVar
	logger, lines, err := newLogger(cfg.Log.Level, &level, logs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lines.Close()) }()
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	now, err := newClock(cfg.DataDir)
	if err != nil {
		return err
	}
	systemd := newNotifier()
	node, err := broker.New(ctx, cfg, broker.Options{
		Logger:    logger,
		Now:       now,
		OnServing: func() { systemd.tell(ctx, "READY=1") },
		OnReload:  func(c *config.Config) { _ = level.UnmarshalText([]byte(c.Log.Level)) }, // was validated
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.Close()) }()
	beside, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	running.Go(func() { systemd.watch(beside) })
	running.Go(func() { tend(beside) })
	running.Go(func() { onSignal(beside, hup, func() { _, _ = node.Reload(beside, read) }) }) // it logs what became of it
	defer context.AfterFunc(ctx, func() { systemd.tell(beside, "STOPPING=1") })()
	return bounded(ctx, cfg.Drain.Wait+cfg.Drain.Finish+stopBeyond, node.Run)
}

// onSignal does what a signal asks for, once at a time, until ctx ends.
func onSignal(ctx context.Context, signals <-chan os.Signal, do func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
			do()
		}
	}
}

// bounded runs work until ctx ends, and then for at most limit.
func bounded(ctx context.Context, limit time.Duration, work func(context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- work(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case err := <-done:
		return err
	case <-late.C:
		return fmt.Errorf("did not stop within %s", limit)
	}
}
