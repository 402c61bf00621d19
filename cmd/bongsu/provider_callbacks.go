package main

import (
	"io"

	"github.com/spf13/cobra"
)

// callbacks are the addresses that one provider has to be told.
type callbacks struct {
	Provider  string   `json:"provider"`
	Callbacks []string `json:"callbacks"`
}

func newProviderCallbacks() *cobra.Command {
	d := &desk{}
	var path string
	cmd := &cobra.Command{
		Use:   "callbacks --config FILE",
		Short: "List the callbacks to register at each provider",
		Long: `List the addresses that each provider has to be told as redirect URIs, exactly as they
are written: one at the issuer, and one at the origin of every site, for logins that
went on there. It connects to nothing.`,
		Example: "  bongsu provider callbacks --config bongsu.yaml",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := d.checkOutput(cmd); err != nil {
				return err
			}
			cfg, err := loadConfig(cmd, path)
			if err != nil {
				return err
			}
			var all []callbacks
			for _, p := range cfg.Providers {
				all = append(all, callbacks{p.ID, cfg.Callbacks(p.ID)})
			}
			return d.show(cmd, all, func(out io.Writer) {
				say(out, "PROVIDER\tCALLBACK\n")
				for _, each := range all {
					for _, address := range each.Callbacks {
						say(out, "%s\t%s\n", each.Provider, address)
					}
				}
			})
		},
	}
	configFlag(cmd, &path)
	d.outputFlag(cmd)
	return cmd
}
