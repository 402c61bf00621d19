package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bongsu/bongsu/broker/admin"
)

// maxProviderSecret bounds the file of a provider's secret in bytes.
const maxProviderSecret = 4 << 10

func newProviderTest() *cobra.Command {
	d := &desk{}
	cmd := &cobra.Command{
		Use:   "test PROVIDER (--config FILE | --admin URL)",
		Short: "Ask a provider, with our credentials, whether a login would work",
		Long: `Ask a provider whether a login would work, as far as nobody is needed for it: a
connection, what it publishes, the login page of our client, and our client id and
secret at its token endpoint, with a code that nobody gave.` + deskLong,
		Example: "  bongsu provider test kakao --config bongsu.yaml",
		Args:    exactly("PROVIDER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := d.client(cmd)
			if err != nil {
				return err
			}
			got, err := client.TestProvider(cmd.Context(), args[0])
			if err != nil {
				return ordered(cmd, err)
			}
			if err := d.show(cmd, got, func(out io.Writer) { probes(out, got) }); err != nil {
				return err
			}
			for _, p := range got.Probes {
				if p.Outcome != "ok" {
					return fmt.Errorf("%s does not answer %s as it should: %s", got.Provider, p.Level, p.Says)
				}
			}
			return nil
		},
	}
	d.flags(cmd)
	return cmd
}

func probes(out io.Writer, got admin.Tested) {
	say(out, "ASKED\tOUTCOME\tCODE\tTOOK\tWHICH MEANS\n")
	for _, p := range got.Probes {
		say(out, "%s\t%s\t%s\t%s\t%s\n", p.Level, p.Outcome, dash(p.Code), time.Duration(p.Millis)*time.Millisecond, p.Says)
	}
}

func newProviderSecret() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "secret",
		Short: "Change what we prove ourselves with to a provider, while logins go on",
		Example: `  bongsu provider secret set kakao --from secrets/kakao.new --config bongsu.yaml
  bongsu provider secret drop kakao --config bongsu.yaml`,
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newProviderSecretSet(), newProviderSecretDrop())
	return cmd
}

func newProviderSecretSet() *cobra.Command {
	d := &desk{}
	var said admin.Secret
	var from string
	cmd := &cobra.Command{
		Use:   "set PROVIDER [flags] (--config FILE | --admin URL)",
		Short: "Use a new secret at a provider, once it took it",
		Long: `Use a new secret at a provider. It is read from standard input, or from the file of
--from, never from the command line; it is shown to the provider with a code that nobody
gave, and stored, wrapped by the cluster's key, only if the provider took it. Every node
uses it within a second. Where it is refused all the same the secret before is used,
until that is dropped.` + deskLong,
		Example: `  bongsu provider secret set kakao --from secrets/kakao.new --config bongsu.yaml
  pass show kakao | bongsu provider secret set kakao --config bongsu.yaml`,
		Args: exactly("PROVIDER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := d.client(cmd)
			if err != nil {
				return err
			}
			if said.Secret, err = newSecretOf(cmd, from); err != nil {
				return err
			}
			got, err := client.SetSecret(cmd.Context(), args[0], said)
			if err != nil {
				return ordered(cmd, err)
			}
			if err := d.show(cmd, got, func(out io.Writer) { say(out, "%s\n", secretWords(got)) }); err != nil {
				return err
			}
			d.next(cmd, "provider secret drop "+got.Provider)
			return nil
		},
	}
	d.flags(cmd)
	cmd.Flags().StringVar(&from, "from", "", "the `FILE` with the secret, instead of standard input")
	cmd.Flags().BoolVar(&said.Untested, "untested", false, "although it could not be tested (check P07)")
	cmd.Flags().StringVar(&said.Reason, "reason", "", "`TEXT` for the audit log")
	return cmd
}

// newSecretOf reads a secret of one line.
func newSecretOf(cmd *cobra.Command, from string) (secret string, err error) {
	in, name := cmd.InOrStdin(), "standard input"
	if from != "" {
		file, err := os.Open(from)
		if err != nil {
			return "", fmt.Errorf("read secret: %w", err)
		}
		defer func() { _ = file.Close() }() // it was only read
		in, name = file, from
	}
	text, err := io.ReadAll(io.LimitReader(in, maxProviderSecret))
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	secret = strings.TrimSpace(string(text))
	if secret == "" || strings.ContainsAny(secret, "\r\n") {
		return "", usageError{fmt.Errorf("%s does not hold one secret", name), cmd.CommandPath()}
	}
	return secret, nil
}

func newProviderSecretDrop() *cobra.Command {
	d := &desk{}
	var said admin.SecretDrop
	cmd := &cobra.Command{
		Use:   "drop PROVIDER [flags] (--config FILE | --admin URL)",
		Short: "Forget the secret before the one in use",
		Long: `Forget the secret before the one in use: delete it in the provider's console
afterwards. With --stored all that was set is forgotten, and the one of the configuration
counts again.` + deskLong,
		Example: "  bongsu provider secret drop kakao --config bongsu.yaml",
		Args:    exactly("PROVIDER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := d.client(cmd)
			if err != nil {
				return err
			}
			got, err := client.DropSecret(cmd.Context(), args[0], said)
			if err != nil {
				return ordered(cmd, err)
			}
			if err := d.show(cmd, got, func(out io.Writer) { say(out, "%s\n", secretWords(got)) }); err != nil {
				return err
			}
			d.next(cmd, "provider test "+got.Provider)
			return nil
		},
	}
	d.flags(cmd)
	cmd.Flags().BoolVar(&said.Stored, "stored", false, "all that was set: the one of the configuration counts again")
	cmd.Flags().StringVar(&said.Reason, "reason", "", "`TEXT` for the audit log")
	return cmd
}

func secretWords(got admin.Tested) string {
	switch {
	case got.Secret.Former:
		return got.Provider + " is asked with the new secret; where it refuses that, with the one before"
	case got.Secret.Stored:
		return got.Provider + " is asked with the secret that was set, and no other"
	}
	return got.Provider + " is asked with the secret of the configuration"
}

func newProviderMigrate() *cobra.Command {
	d := &desk{}
	var said admin.Migration
	var yes bool
	cmd := &cobra.Command{
		Use:   "migrate PROVIDER --links keep|set-aside --yes [flags] --config FILE",
		Short: "Let a provider's id stand for another client or issuer",
		Long: `Let a provider's id stand for the kind, issuer and client id that the configuration
names now. Subjects belong to one app at one upstream: under another the same subject may
be somebody else, so a node refuses to start with changed ones until this is ordered.

The order is given to a node that still runs with the earlier settings, with the provider
disabled; then every node is restarted with the new ones, and the provider enabled. What
becomes of the links must be said: --links keep only if the provider's documents say that
the subjects stay the same; --links set-aside lets nobody come in by one again, and people
without another way lose theirs. Without --links nothing is changed, and the numbers are
told.` + deskLong,
		Example: `  bongsu provider disable kakao --reason "new application" --config bongsu.yaml
  bongsu provider migrate kakao --links set-aside --yes --config bongsu.yaml`,
		Args: exactly("PROVIDER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := d.migration(cmd, args[0], &said); err != nil {
				return err
			}
			if said.Links != "" && !yes {
				return refusal{errors.New("a migration is for good: say --yes")}
			}
			return migrate(cmd, d, args[0], said)
		},
	}
	d.flags(cmd)
	cmd.Flags().StringVar(&said.Links, "links", "", "what becomes of the links: `keep` or set-aside")
	cmd.Flags().StringVar(&said.Reason, "reason", "", "`TEXT` for the audit log")
	cmd.Flags().BoolVar(&yes, "yes", false, "yes, for good")
	return cmd
}

// migration reads what the id is to stand for.
func (d *desk) migration(cmd *cobra.Command, provider string, m *admin.Migration) error {
	if d.config == "" {
		return usageError{errors.New("--config FILE is required: it names what the id is to stand for"), cmd.CommandPath()}
	}
	cfg, err := loadConfig(cmd, d.config)
	if err != nil {
		return err
	}
	for _, p := range cfg.Providers {
		if p.ID == provider {
			m.Kind, m.Issuer, m.ClientID = p.Kind, p.Upstream, p.ClientID
			return nil
		}
	}
	return absent{fmt.Errorf("%s has no provider %q", d.config, provider)}
}

func migrate(cmd *cobra.Command, d *desk, provider string, said admin.Migration) error {
	client, err := d.client(cmd)
	if err != nil {
		return err
	}
	var all admin.Migrated
	for !all.Done {
		got, err := client.Migrate(cmd.Context(), provider, said)
		if err != nil {
			return ordered(cmd, err)
		}
		got.Moved += all.Moved
		got.Links, got.Alone = max(got.Links, all.Links), max(got.Alone, all.Alone)
		all = got
	}
	err = d.show(cmd, all, func(out io.Writer) {
		say(out, "%s stands for client %s at %s\n", all.Provider, said.ClientID, said.Issuer)
		if said.Links == admin.LinksKeep {
			say(out, "%d links are kept\n", all.Links)
			return
		}
		say(out, "%d links were set aside; %d accounts had no other way\n", all.Moved, all.Alone)
	})
	if err != nil {
		return err
	}
	say(cmd.ErrOrStderr(), "next: restart every node with the new settings, then\n")
	d.next(cmd, "provider enable "+all.Provider)
	return nil
}
