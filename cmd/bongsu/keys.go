package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bongsu/bongsu/broker"
	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/keys"
)

func newKeys() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "keys",
		Short:   "Work with the keys of this site",
		Example: "  bongsu keys identity show --config bongsu.yaml",
		Args:    knownCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newIdentity(), newKeysBegin())
	return cmd
}

func newKeysBegin() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "begin --config FILE",
		Short: "Make the first signing keys of this site",
		Long: `Make the first signing keys of this site, as a node does that starts. Where the
configuration lists no other site they sign at once; where it does, they are published
for keys.publish_window first, because websites hold a key set without them, and until
then this site is not ready. So a deployment of several sites is founded by running this
at each of them before any of them is served, and listing the sites afterwards.

It works on the store and needs no running node. A site that has keys keeps them.`,
		Example: "  bongsu keys begin --config bongsu.yaml",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(cmd, path)
			if err != nil {
				return err
			}
			sign, err := broker.BeginKeys(cmd.Context(), cfg, slog.New(slog.DiscardHandler))
			switch {
			case err != nil:
				return err
			case sign:
				say(cmd.OutOrStdout(), "the keys of %s sign\n", cfg.Site)
			default:
				say(cmd.OutOrStdout(), "the keys of %s are published; they sign after %s\n", cfg.Site, cfg.Keys.PublishWindow)
			}
			say(cmd.ErrOrStderr(), "next: bongsu keys identity show --config %s\n", path)
			return nil
		},
	}
	configFlag(cmd, &path)
	return cmd
}

func newIdentity() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "identity",
		Short: "Show and change what this site signs its news and manifests with",
		Long: `Show and change the identity of this site. The others believe what it has signed if
their configuration lists it, so it is changed in this order:

  1. stage                 makes the next identity and prints the line that lists both
  2.                       put the line into every site's configuration and restart every node, one by one
  3. use                   the next identity signs; running nodes follow within a minute
  4. drop                  two minutes later: the one before is gone, and the line lists one again
  5.                       put that line into every site's configuration

Every step may be said again. The commands work on the store and need no running node.`,
		Example: `  bongsu keys identity show --config bongsu.yaml`,
		Args:    knownCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, step := range identitySteps {
		cmd.AddCommand(newIdentityStep(step))
	}
	return cmd
}

// identityStep is one command about the identity.
type identityStep struct {
	name, short string
	do          func(ctx context.Context, site string, r *keys.Rotation, say identityWords) error
}

// identityWords are where a step prints: data to out, messages to errs, with the
// configuration that it was given.
type identityWords struct {
	out, errs io.Writer
	config    string
}

var identitySteps = []identityStep{
	{"show", "Print the identities of this site, and the line that lists them", showIdentity},
	{"stage", "Make the next identity; nothing signs with it yet", stageIdentity},
	{"use", "Sign with the staged identity", useIdentity},
	{"drop", "Forget the identity before the present one", dropIdentity},
}

func newIdentityStep(step identityStep) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:     step.name + " --config FILE",
		Short:   step.short,
		Long:    step.short + ". See bongsu keys identity --help for the order.\nExit code 3 tells that something has to happen first; then nothing was changed.",
		Example: "  bongsu keys identity " + step.name + " --config bongsu.yaml",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(cmd, path)
			if err != nil {
				return err
			}
			return takeIdentityStep(cmd, cfg, path, step)
		},
	}
	configFlag(cmd, &path)
	return cmd
}

func takeIdentityStep(cmd *cobra.Command, cfg *config.Config, path string, step identityStep) (err error) {
	rotation, closeStore, err := broker.IdentityRotation(cmd.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	err = step.do(cmd.Context(), cfg.Site, rotation, identityWords{cmd.OutOrStdout(), cmd.ErrOrStderr(), path})
	if errors.Is(err, keys.ErrNotYet) {
		return refusal{errors.New(strings.TrimPrefix(err.Error(), "keys: "))}
	}
	return err
}

// siteLine is the entry of the list of sites for a site with these identities.
func siteLine(site string, identities ...ed25519.PublicKey) string {
	written := make([]string, len(identities))
	for i, public := range identities {
		written[i] = keys.FormatIdentity(public)
	}
	return fmt.Sprintf("- {name: %s, identities: [%s]}", site, strings.Join(written, ", "))
}

// lineOf is siteLine with all identities that the site has.
func lineOf(ctx context.Context, site string, r *keys.Rotation) (string, error) {
	all, err := r.Identities(ctx)
	if err != nil {
		return "", err
	}
	var public []ed25519.PublicKey
	for _, record := range all {
		public = append(public, record.Public)
	}
	return siteLine(site, public...), nil
}

func showIdentity(ctx context.Context, site string, r *keys.Rotation, w identityWords) error {
	all, err := r.Identities(ctx)
	if err != nil {
		return err
	}
	line, err := lineOf(ctx, site, r)
	if err != nil {
		return err
	}
	for _, record := range all {
		say(w.errs, "%-8s  since %s  %s\n", record.State, record.CreatedAt.Format("2006-01-02"), keys.FormatIdentity(record.Public))
	}
	say(w.out, "%s\n", line)
	return nil
}

func stageIdentity(ctx context.Context, site string, r *keys.Rotation, w identityWords) error {
	staged, err := r.Stage(ctx)
	if err != nil {
		return err
	}
	line, err := lineOf(ctx, site, r)
	if err != nil {
		return err
	}
	say(w.errs, "staged: %s; nothing signs with it yet\n", keys.FormatIdentity(staged.Public))
	say(w.out, "%s\n", line)
	say(w.errs, "next: put this line into sites of every configuration, restart every node, then bongsu keys identity use --config %s\n", w.config)
	return nil
}

func useIdentity(ctx context.Context, site string, r *keys.Rotation, w identityWords) error {
	used, err := r.Use(ctx)
	if err != nil {
		return err
	}
	say(w.out, "%s signs with %s\n", site, keys.FormatIdentity(used.Public))
	say(w.errs, "next: in two minutes, bongsu keys identity drop --config %s\n", w.config)
	return nil
}

func dropIdentity(ctx context.Context, site string, r *keys.Rotation, w identityWords) error {
	dropped, err := r.Drop(ctx)
	if err != nil {
		return err
	}
	line, err := lineOf(ctx, site, r)
	if err != nil {
		return err
	}
	say(w.errs, "dropped: %s\n", keys.FormatIdentity(dropped.Public))
	say(w.out, "%s\n", line)
	say(w.errs, "next: put this line into sites of every configuration\n")
	return nil
}
