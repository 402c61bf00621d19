package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/bongsu/bongsu/broker/admin"
)

func newCoverage() *cobra.Command {
	d := &desk{}
	var client, without string
	cmd := &cobra.Command{
		Use:   "coverage [--client ID] [--without PROVIDER] (--config FILE | --admin URL)",
		Short: "Count who could still log in if a provider died now",
		Long: `Count, of the accounts that logged in within 90 days, those that could still log in
if a provider died now: they have a link to another one that the website permits, that
is in use, and that shares no failure domain with the lost one.` + deskLong,
		Example: `  bongsu coverage --config bongsu.yaml
  bongsu coverage --client shop --without kakao --config bongsu.yaml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := d.client(cmd)
			if err != nil {
				return err
			}
			got, err := at.Coverage(cmd.Context(), client, without)
			if err != nil {
				return ordered(cmd, err)
			}
			return d.show(cmd, got, func(out io.Writer) { coverageTable(out, got) })
		},
	}
	d.flags(cmd)
	cmd.Flags().StringVar(&client, "client", "", "of one website, by its client `ID`; all together and each unless set")
	cmd.Flags().StringVar(&without, "without", "", "the `PROVIDER` that dies; each unless set")
	return cmd
}

func coverageTable(out io.Writer, rows []admin.Coverage) {
	say(out, "CLIENT\tWITHOUT\tACTIVE\tCOVERED\tSHARE\n")
	for _, r := range rows {
		name, share := r.Client, "-"
		if name == "" {
			name = "(all)"
		}
		if r.Ratio != nil {
			share = percent(*r.Ratio)
		}
		say(out, "%s\t%s\t%d\t%d\t%s\n", name, dash(r.Without), r.Active, r.Covered, share)
	}
}
