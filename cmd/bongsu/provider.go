package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bongsu/bongsu/broker/admin"
)

func newProvider() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "provider",
		Short: "Switch providers off and on, and say whom to trust",
		Example: `  bongsu provider list --config bongsu.yaml
  bongsu provider callbacks --config bongsu.yaml
  bongsu provider disable kakao --reason "their keys leaked" --config bongsu.yaml
  bongsu provider enable kakao --config bongsu.yaml`,
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newProviderList(), newProviderCallbacks(), newProviderTest(), newProviderSecret(), newProviderMigrate())
	for _, o := range orders {
		cmd.AddCommand(newOrder(o))
	}
	return cmd
}

func newProviderList() *cobra.Command {
	d := &desk{}
	cmd := &cobra.Command{
		Use:     "list (--config FILE | --admin URL)",
		Short:   "List the providers and what operators say about them",
		Long:    "List the providers and what operators say about them." + deskLong,
		Example: "  bongsu provider list --config bongsu.yaml",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := d.client(cmd)
			if err != nil {
				return err
			}
			got, err := client.Providers(cmd.Context())
			if err != nil {
				return ordered(cmd, err)
			}
			return d.show(cmd, got, func(out io.Writer) {
				say(out, "PROVIDER\tKIND\tNAME\tDOMAINS\tOPERATORS\n")
				for _, p := range got {
					say(out, "%s\t%s\t%s\t%s\t%s\n", p.ID, p.Kind, p.Name, strings.Join(p.Domains, " "), words(p))
				}
			})
		},
	}
	d.flags(cmd)
	return cmd
}

// order is one command that gives an order about a provider.
type order struct {
	name, short, long string
	example           string
	done              string // about the provider
	next              string // the command that usually follows; %s is the provider
	flags             func(cmd *cobra.Command, o *admin.Order)
	check             func(o admin.Order) error
	yes               bool // must be confirmed
}

var orders = []order{
	{
		name: admin.OrderDisable, short: "Let no login begin or end by a provider, until it is enabled",
		long: `Let no login begin or end by a provider, at all sites, until it is enabled. Sessions
that it gave go on, unless --end-sessions is said. Nobody who has another way is stopped.`,
		example: "  bongsu provider disable kakao --reason \"under attack\" --config bongsu.yaml",
		done:    "is disabled", next: "provider enable %s",
		flags: func(cmd *cobra.Command, o *admin.Order) {
			cmd.Flags().BoolVar(&o.EndSessions, "end-sessions", false, "end the sessions that it gave, too")
			cmd.Flags().BoolVar(&o.Force, "force", false, "although no other provider would be in use (check P02)")
		},
	},
	{
		name: admin.OrderEnable, short: "Let logins begin by a provider again",
		long:    `Let logins begin by a provider again. Only the store's writer can say so.`,
		example: "  bongsu provider enable kakao --config bongsu.yaml",
		done:    "is in use", next: "health explain %s",
		flags: func(cmd *cobra.Command, o *admin.Order) {
			cmd.Flags().BoolVar(&o.Retired, "retired", false, "although it was retired (check P03)")
		},
	},
	{
		name: admin.OrderRetire, short: "Say that a provider is gone for good",
		long: `Say that a provider is gone for good: it is not shown any more and counts in no
coverage. Its links are kept, so that nobody else is ever taken for its people.`,
		example: "  bongsu provider retire kakao --yes --reason \"service ends\" --config bongsu.yaml",
		done:    "is retired", next: "coverage",
		flags: func(cmd *cobra.Command, o *admin.Order) {
			cmd.Flags().BoolVar(&o.Force, "force", false, "although no other provider would be in use (check P02)")
		},
		yes: true,
	},
	{
		name: admin.OrderDistrust, short: "Take trust away from a key of a provider",
		long: `Take trust away from a signing key of a provider, and end the sessions it gave so
far. For some seconds no login begins by it, until every node has heard.`,
		example: "  bongsu provider distrust kakao --key KID --reason \"key stolen\" --config bongsu.yaml",
		done:    "has lost trust in the key", next: "health explain %s",
		flags: func(cmd *cobra.Command, o *admin.Order) {
			cmd.Flags().StringVar(&o.KeyID, "key", "", "the `KID` of the key")
			cmd.Flags().BoolVar(&o.Undo, "undo", false, "trust it again; ended sessions stay ended")
		},
		check: func(o admin.Order) error {
			if o.KeyID == "" {
				return errors.New("--key KID is required")
			}
			return nil
		},
	},
	{
		name: admin.OrderAdopt, short: "Believe the changed metadata that a provider publishes",
		long: `Believe the endpoints that a provider publishes instead of the pinned ones. Look at
them first: bongsu provider list -o json shows what waits.`,
		example: "  bongsu provider adopt google --config bongsu.yaml",
		done:    "is believed", next: "health explain %s",
	},
}

func newOrder(o order) *cobra.Command {
	d := &desk{}
	var said admin.Order
	var yes bool
	cmd := &cobra.Command{
		Use:     o.name + " PROVIDER [flags] (--config FILE | --admin URL)",
		Short:   o.short,
		Long:    o.long + deskLong,
		Example: o.example,
		Args:    exactly("PROVIDER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.check != nil {
				if err := o.check(said); err != nil {
					return usageError{err, cmd.CommandPath()}
				}
			}
			if o.yes && !yes {
				return refusal{fmt.Errorf("%s is for good: say --yes", o.name)}
			}
			return give(cmd, d, o, args[0], said)
		},
	}
	d.flags(cmd)
	cmd.Flags().StringVar(&said.Reason, "reason", "", "`TEXT` for the audit log")
	if o.flags != nil {
		o.flags(cmd, &said)
	}
	if o.yes {
		cmd.Flags().BoolVar(&yes, "yes", false, "yes, for good")
	}
	return cmd
}

// give gives the order. What is obeyed here but not in the store yet is done in
// part.
func give(cmd *cobra.Command, d *desk, o order, provider string, said admin.Order) error {
	client, err := d.client(cmd)
	if err != nil {
		return err
	}
	got, err := client.Order(cmd.Context(), provider, o.name, said)
	if err != nil {
		return ordered(cmd, err)
	}
	done := o.done
	if said.Undo {
		done = "trusts the key again"
	}
	if err := d.show(cmd, got, func(out io.Writer) { say(out, "%s %s\n", got.Provider, done) }); err != nil {
		return err
	}
	if !got.Recorded {
		return partial{errors.New("this node obeys; the other nodes do as soon as the store can be reached, which this one goes on trying")}
	}
	next := o.next
	if strings.Contains(next, "%s") {
		next = fmt.Sprintf(next, got.Provider)
	}
	d.next(cmd, next)
	return nil
}
