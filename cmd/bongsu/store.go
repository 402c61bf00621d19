package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/bongsu/bongsu/broker"
	"github.com/bongsu/bongsu/broker/token"
)

func newStore() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "store",
		Short:   "Say what became of the database",
		Example: "  bongsu store restored --config bongsu.yaml",
		Args:    knownCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newStoreRestored())
	return cmd
}

func newStoreRestored() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "restored --config FILE",
		Short: "Say that the database was restored from a backup, before any node serves on it",
		Long: `Say that the configured database was restored from a backup, after it was and before
any node is started on it. The database goes by another name from then on: every node that
has known it reads everything anew, and enters in it what its own log knows and the backup
does not. The command then waits for a minute, until every code has expired that may have
been used since the backup was made: nodes are started when it has ended.

It works on the database and needs no running node. See "Backup and restore" in the runbook.`,
		Example: "  bongsu store restored --config /etc/bongsu/bongsu.yaml",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(cmd, path)
			if err != nil {
				return err
			}
			was, now, err := broker.Restored(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			say(cmd.OutOrStdout(), "the database was %s, is %s now\n", was, now)
			say(cmd.ErrOrStderr(), "start no node yet: codes from before expire within %s\n", token.CodeLife)
			if err := expire(cmd.Context(), token.CodeLife); err != nil {
				return err
			}
			say(cmd.ErrOrStderr(), "next: start the nodes\n")
			return nil
		},
	}
	configFlag(cmd, &path)
	return cmd
}

// expire waits.
func expire(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("ended early, a code from before may still be good: %w", ctx.Err())
	}
}
