package main

import (
	"errors"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bongsu/bongsu/broker/config"
)

func newConfigShow() *cobra.Command {
	d := &desk{}
	var path string
	cmd := &cobra.Command{
		Use:   "show --config FILE [-o table|json]",
		Short: "Show every value that holds, and where it comes from",
		Long: `Show every value that holds once defaults, file and environment are laid over each
other, and where each comes from: a line of the file, an environment variable, or the
default. Secrets are masked. Behind them stand the callbacks to register at each
provider. It connects to nothing.`,
		Example: `  bongsu config show --config bongsu.yaml
  BONGSU_SESSIONS__IDLE=8h bongsu config show --config bongsu.yaml | grep BONGSU_`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := d.checkOutput(cmd); err != nil {
				return err
			}
			if path == "" {
				return usageError{errors.New("--config FILE is required"), cmd.CommandPath()}
			}
			settings, err := config.Show(path, os.Environ())
			if err != nil {
				return wrong(cmd, err)
			}
			return d.show(cmd, settings, func(out io.Writer) {
				for _, s := range settings {
					say(out, "%s\t%s\t%s\n", s.Key, s.Value, s.Origin)
				}
			})
		},
	}
	configFlag(cmd, &path)
	d.outputFlag(cmd)
	return cmd
}

func newConfigExplain() *cobra.Command {
	d := &desk{}
	cmd := &cobra.Command{
		Use:   "explain KEY [-o table|json]",
		Short: "Say what a key of the configuration is for",
		Long: `Say what a key of the configuration is for: its type, its default and bounds, an
example, the environment variable that sets it, and whether a running node takes it
over. An element of a list may be named by its id, or not at all.`,
		Example: `  bongsu config explain sessions.idle
  bongsu config explain providers.kakao.timeout`,
		Args: exactly("KEY"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return config.AllKeys(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := d.checkOutput(cmd); err != nil {
				return err
			}
			e, err := config.Explain(args[0])
			if errors.Is(err, config.ErrNoKey) {
				return absent{errors.New(strings.TrimPrefix(err.Error(), "config: "))}
			}
			if err != nil {
				return err
			}
			return d.show(cmd, e, func(out io.Writer) { explained(out, e) })
		},
	}
	d.outputFlag(cmd)
	return cmd
}

func explained(out io.Writer, e config.Explanation) {
	say(out, "%s\n  %s\n\n", e.Key, e.Says)
	say(out, "type\t%s\ndefault\t%s\n", e.Type, e.Default)
	if e.Bounds != "" {
		say(out, "allowed\t%s\n", e.Bounds)
	}
	say(out, "example\t%s\n", e.Example)
	variable := e.Variable
	if variable == "" {
		variable = "none: it stands in the file alone"
	}
	effect := map[bool]string{true: "when the node starts anew", false: "when the file is read again (SIGHUP)"}
	say(out, "environment\t%s\ntakes effect\t%s\n", variable, effect[e.Restart])
}
