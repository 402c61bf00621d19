package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/bongsu/bongsu/broker"
	"github.com/bongsu/bongsu/broker/config"
)

// stopWithin bounds how long a node may take to stop after a signal. It is more
// than the node gives requests under way.
const stopWithin = 20 * time.Second

func newServe() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "serve --config FILE",
		Short: "Run a node",
		Long: `Run a node until it gets SIGINT or SIGTERM: requests under way are finished first.
A second signal ends it at once. Log lines are JSON, on standard error.`,
		Example: `  bongsu serve --config /etc/bongsu/bongsu.yaml
  BONGSU_LOG__LEVEL=debug bongsu serve --config bongsu.yaml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(cmd, path)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), cfg, cmd.ErrOrStderr())
		},
	}
	configFlag(cmd, &path)
	return cmd
}

// serve runs one node until ctx ends.
func serve(ctx context.Context, cfg *config.Config, logs io.Writer) (err error) {
	logger, lines, err := newLogger(cfg.Log.Level, logs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lines.Close()) }()
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	node, err := broker.New(ctx, cfg, broker.Options{Logger: logger})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.Close()) }()
	return bounded(ctx, stopWithin, node.Run)
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
