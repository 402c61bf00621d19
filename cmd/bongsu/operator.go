package main

import (
	"crypto/rand"

	"github.com/spf13/cobra"

	"github.com/bongsu/bongsu/broker/client"
)

func newOperator() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "operator",
		Short:   "Work with operators' credentials",
		Example: "  bongsu operator secret > secrets/operator.secret",
		Args:    knownCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newOperatorSecret())
	return cmd
}

func newOperatorSecret() *cobra.Command {
	return &cobra.Command{
		Use:   "secret",
		Short: "Make a credential for an operator, and the hash to configure",
		Long: `Make a credential for an operator. It goes to standard output, once, and is kept
nowhere; its hash, for secret_hashes of operators in the configuration, goes to standard
error. While a credential changes, two hashes may stand there.`,
		Example: "  bongsu operator secret > secrets/operator.secret",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			secret, hash, err := client.NewSecret(rand.Reader)
			if err != nil {
				return err
			}
			say(cmd.OutOrStdout(), "%s\n", secret)
			say(cmd.ErrOrStderr(), "secret_hashes: [%q]\nnext: put the hash into operators of the configuration and restart every node\n", client.FormatHash(hash))
			return nil
		},
	}
}
