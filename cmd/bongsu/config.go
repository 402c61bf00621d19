package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/bongsu/bongsu/broker/config"
)

func newConfig() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Work with the configuration",
		Example: `  bongsu config validate --config bongsu.yaml
  bongsu config show --config bongsu.yaml
  bongsu config explain providers.kakao.timeout
  bongsu config schema > bongsu.schema.json`,
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newValidate(), newConfigShow(), newConfigExplain(), newSchema())
	return cmd
}

func newValidate() *cobra.Command {
	var path string
	var strict bool
	cmd := &cobra.Command{
		Use:   "validate --config FILE [--strict]",
		Short: "Check a configuration and report everything that is wrong with it",
		Long: `Check a configuration as serve would read it, environment variables and secrets
included, and report everything that is wrong with it. What works and is likely not
meant is a warning; with --strict it is wrong, too. It connects to nothing.
Exit code 1 tells that something is wrong.`,
		Example: `  bongsu config validate --config bongsu.yaml
  bongsu config validate --strict --config bongsu.yaml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(cmd, path)
			if err != nil {
				return err
			}
			if warnings := cfg.Warnings(); len(warnings) > 0 {
				say(cmd.ErrOrStderr(), "%v\n%s\n", warnings, count(len(warnings), "warning"))
				if strict {
					return printed{warnings}
				}
			}
			say(cmd.OutOrStdout(), "%s is valid: issuer %s, site %s, %s, %s\n",
				path, cfg.Issuer, cfg.Site, count(len(cfg.Providers), "provider"), count(len(cfg.Clients), "client"))
			say(cmd.ErrOrStderr(), "next: bongsu serve --config %s\n", path)
			return nil
		},
	}
	configFlag(cmd, &path)
	cmd.Flags().BoolVar(&strict, "strict", false, "take warnings for problems")
	return cmd
}

func newSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the configuration file",
		Long: `Print the JSON Schema of the configuration file. An editor that knows YAML completes
keys with it, and marks what is none, when the file begins with the line

  # yaml-language-server: $schema=bongsu.schema.json`,
		Example: "  bongsu config schema > bongsu.schema.json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := config.Schema()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
}

func configFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVarP(path, "config", "c", "", "the configuration `FILE`")
}

// loadConfig reads the configuration that a command was given. Problems in it
// are printed one a line, and counted.
func loadConfig(cmd *cobra.Command, path string) (*config.Config, error) {
	if path == "" {
		return nil, usageError{errors.New("--config FILE is required"), cmd.CommandPath()}
	}
	cfg, err := config.Load(path, os.Environ())
	if err != nil {
		return nil, wrong(cmd, err)
	}
	return cfg, nil
}

// wrong prints what is wrong with a configuration, if that is what err says.
func wrong(cmd *cobra.Command, err error) error {
	problems, ok := errors.AsType[config.Problems](err)
	if !ok {
		return err
	}
	say(cmd.ErrOrStderr(), "%v\n%s\n", problems, count(len(problems), "problem"))
	return printed{err}
}
