package main

import (
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bongsu/bongsu/broker/admin"
)

func newClientSecret() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "secret",
		Short: "Change a website's secret without a gap",
		Example: `  bongsu client secret add shop --config bongsu.yaml
  bongsu client secret drop shop 0123456789ab --config bongsu.yaml`,
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newSecretAdd(), newSecretDrop())
	return cmd
}

func newSecretAdd() *cobra.Command {
	d := &desk{}
	var o admin.ClientOrder
	cmd := &cobra.Command{
		Use:   "add ID (--config FILE | --admin URL)",
		Short: "Make one more secret for a website; it is shown once",
		Long: `Make one more secret for a website. It goes to standard output, once, and is kept
nowhere. Two may live at a time, so that the website changes over when it likes.` + deskLong,
		Example: "  bongsu client secret add shop --config bongsu.yaml > shop.secret",
		Args:    exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := d.client(cmd)
			if err != nil {
				return err
			}
			got, err := at.AddClientSecret(cmd.Context(), args[0], o)
			if err != nil {
				return ordered(cmd, err)
			}
			if err := d.made(cmd, got, "has one more secret"); err != nil {
				return err
			}
			if len(got.Client.Secrets) > 1 {
				d.next(cmd, "client secret drop "+got.Client.ID+" "+got.Client.Secrets[0].ID)
			}
			return nil
		},
	}
	d.flags(cmd)
	cmd.Flags().StringVar(&o.Reason, "reason", "", "`TEXT` for the audit log")
	return cmd
}

func newSecretDrop() *cobra.Command {
	d := &desk{}
	var o admin.ClientOrder
	var unused time.Duration
	cmd := &cobra.Command{
		Use:   "drop ID SECRET [flags] (--config FILE | --admin URL)",
		Short: "Take one of a website's secrets away",
		Long: `Take one of a website's secrets away, named by the digits that client show prints. It is
refused while the website uses it (check C01), and if it is the only one (check C02).` + deskLong,
		Example: "  bongsu client secret drop shop 0123456789ab --config bongsu.yaml",
		Args:    exactly("ID", "SECRET"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if unused < time.Hour || unused%time.Hour != 0 {
				return usageError{errors.New("--unused-for is whole hours, such as 24h"), cmd.CommandPath()}
			}
			o.UnusedHours = int64(unused / time.Hour)
			at, err := d.client(cmd)
			if err != nil {
				return err
			}
			got, err := at.DropClientSecret(cmd.Context(), args[0], args[1], o)
			if err != nil {
				return ordered(cmd, err)
			}
			return d.made(cmd, got, "has lost the secret "+strings.TrimPrefix(args[1], "sha256:"))
		},
	}
	d.flags(cmd)
	cmd.Flags().DurationVar(&unused, "unused-for", 24*time.Hour, "for how long it must not have been used, in whole hours")
	cmd.Flags().BoolVar(&o.Force, "force", false, "although it is in use (check C01)")
	cmd.Flags().StringVar(&o.Reason, "reason", "", "`TEXT` for the audit log")
	return cmd
}
