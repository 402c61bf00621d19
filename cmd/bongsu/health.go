package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/bongsu/bongsu/broker/admin"
	"github.com/bongsu/bongsu/broker/health"
)

func newHealth() *cobra.Command {
	d := &desk{}
	cmd := &cobra.Command{
		Use:   "health (--config FILE | --admin URL)",
		Short: "Show what a node knows of every provider, and what the other sites say",
		Long:  "Show what a node knows of every provider, and what the other sites say." + deskLong,
		Example: `  bongsu health --config bongsu.yaml
  bongsu health explain kakao --config bongsu.yaml      every number behind the verdict
  bongsu health declare kakao --for 2h --config bongsu.yaml`,
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := d.client(cmd)
			if err != nil {
				return err
			}
			got, err := client.Health(cmd.Context())
			if err != nil {
				return ordered(cmd, err)
			}
			if err := d.show(cmd, got, func(out io.Writer) { healthTable(out, got) }); err != nil {
				return err
			}
			if worst := troubled(got); worst != "" {
				d.next(cmd, "health explain "+worst)
			}
			return nil
		},
	}
	d.flags(cmd)
	cmd.AddCommand(newExplain(), newDeclare())
	return cmd
}

// healthTable is provider × site.
func healthTable(out io.Writer, got admin.Health) {
	standing := map[string]admin.ProviderState{}
	for _, s := range got.Standing {
		standing[s.ID] = s
	}
	say(out, "PROVIDER\tSTATE\tCAUSE\tWEIGHT\tSINCE\tOPERATORS")
	for _, site := range got.Sites {
		say(out, "\t%s", site.Site)
	}
	say(out, "\n")
	for _, row := range got.Rows {
		v := row.Verdict
		say(out, "%s\t%s\t%s\t%.2f\t%s\t%s", row.Provider, v.State, dash(string(v.Cause)), v.Weight, when(v.Since), words(standing[row.Provider]))
		for _, cell := range row.Cells {
			text := cell.State.String()
			if cell.Stale {
				text += " (stale)"
			}
			say(out, "\t%s", text)
		}
		say(out, "\n")
	}
	say(out, "node %s/%s: %s since %s: %s\n", got.Site, got.Node, got.Mode.Name, when(got.Mode.Since), got.Mode.Means)
	if got.Isolated {
		say(out, "site %s is cut off from the network: its verdicts say little\n", got.Site)
	}
}

// words is what operators say about a provider.
func words(s admin.ProviderState) string {
	text := string(s.Standing)
	if s.Standing == admin.InUse {
		text = "in use"
	}
	if s.Outage != nil {
		text += ", outage declared until " + when(s.Outage.Until)
	}
	if s.Pending != nil {
		text += ", changed metadata waits"
	}
	if s.Foreign != nil {
		text += ", off at this node: the id stands for client " + s.Foreign.ClientID + " at " + s.Foreign.Issuer + ", restart with that"
	}
	return text
}

// troubled is a provider that somebody should look at; empty: none.
func troubled(got admin.Health) string {
	for _, row := range got.Rows {
		if row.Verdict.State == health.Down || row.Verdict.State == health.Degraded {
			return row.Provider
		}
	}
	return ""
}

func newExplain() *cobra.Command {
	d := &desk{}
	cmd := &cobra.Command{
		Use:     "explain PROVIDER (--config FILE | --admin URL)",
		Short:   "Show every number behind the verdict on a provider",
		Long:    "Show every number behind the verdict on a provider." + deskLong,
		Example: "  bongsu health explain kakao --config bongsu.yaml\n  bongsu health explain kakao --config bongsu.yaml -o json",
		Args:    exactly("PROVIDER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := d.client(cmd)
			if err != nil {
				return err
			}
			got, err := client.Explain(cmd.Context(), args[0])
			if err != nil {
				return ordered(cmd, err)
			}
			return d.show(cmd, got, func(out io.Writer) { explanation(out, got) })
		},
	}
	d.flags(cmd)
	return cmd
}

func explanation(out io.Writer, e health.Explanation) {
	v := e.Verdict
	say(out, "%s is %s at %s\tcause %s, weight %.2f, since %s, last evidence %s\n",
		v.Provider, v.State, e.Site, dash(string(v.Cause)), v.Weight, when(v.Since), when(v.Checked))
	say(out, "here\t%s, cause %s; p95 %s; %.2f starts/s; failures of our own making %d\n",
		e.Local.State, dash(string(e.Local.Cause)), e.Local.P95.Round(time.Millisecond), e.Local.Started, e.Local.Ours)
	for _, s := range e.Local.Calls {
		share(out, "calls, "+string(s.Step), s)
	}
	for _, s := range e.Local.Returns {
		share(out, "not back after "+s.Age.String(), s)
	}
	for _, p := range e.Local.Probes {
		say(out, "probe %s\t%s at %s; %d failed in a row, %d good\n", p.Level, dash(string(p.Outcome)), when(p.At), p.Failed, p.Good)
	}
	g := e.Gate
	say(out, "gate\t%s since %s; hold %s, relapses %d, penalty %.0f; %d of %d trials passed\n",
		g.Phase, when(g.Since), g.Hold.Round(time.Second), g.Relapse, g.Penalty, g.Passed, g.Trials)
	say(out, "sites\t%d of %d with evidence say down; together: %s\n", e.Global.Down, e.Global.Sites, e.Global.State)
	for _, vote := range e.Global.Votes {
		say(out, "  %s\t%s\n", vote.Site, vote.State)
	}
	if e.Canaries.Asked > 0 {
		say(out, "canaries\t%d of %d answer\n", e.Canaries.Reached, e.Canaries.Asked)
	}
}

func share(out io.Writer, what string, s health.Share) {
	verdict := "holds"
	switch {
	case !s.Enough:
		verdict = "too few to judge"
	case s.Trips:
		verdict = "trips"
	}
	if s.Device != "" {
		what += ", " + string(s.Device)
	}
	say(out, "%s\t%d of %d failed in %s: at least %.3f, limit %.3f: %s\n", what, s.Failed, s.N, s.Window, s.Lower, s.Limit, verdict)
}

func newDeclare() *cobra.Command {
	d := &desk{}
	var last time.Duration
	var reason string
	var end bool
	cmd := &cobra.Command{
		Use:   "declare PROVIDER (--for DURATION [--reason TEXT] | --end) (--config FILE | --admin URL)",
		Short: "Declare a provider's outage, so that sessions it gave may live on",
		Long: `Declare a provider's outage for a while. It moves nothing on menus: while it lasts,
sessions that the provider gave live on up to sessions.outage_ceiling beyond their usual
end, with their old auth_time.` + deskLong,
		Example: `  bongsu health declare kakao --for 2h --reason "fire in their data centre" --config bongsu.yaml
  bongsu health declare kakao --end --config bongsu.yaml`,
		Args: exactly("PROVIDER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if end == (last != 0) || end && reason != "" {
				return usageError{errors.New("either --for DURATION or --end is required"), cmd.CommandPath()}
			}
			client, err := d.client(cmd)
			if err != nil {
				return err
			}
			if end {
				got, err := client.EndOutage(cmd.Context(), args[0])
				if err != nil {
					return ordered(cmd, err)
				}
				if err := d.show(cmd, got, func(out io.Writer) { say(out, "the outage of %s has ended\n", got.Provider) }); err != nil {
					return err
				}
				d.next(cmd, "health explain "+got.Provider)
				return nil
			}
			got, err := client.DeclareOutage(cmd.Context(), args[0], admin.Declaration{Seconds: int64(last / time.Second), Reason: reason})
			if err != nil {
				return ordered(cmd, err)
			}
			if err := d.show(cmd, got, func(out io.Writer) {
				say(out, "outage of %s declared until %s\n", got.Provider, when(got.Until))
			}); err != nil {
				return err
			}
			d.next(cmd, fmt.Sprintf("health declare %s --end", got.Provider))
			return nil
		},
	}
	d.flags(cmd)
	cmd.Flags().DurationVar(&last, "for", 0, "how long, such as 90m; at most 168h")
	cmd.Flags().StringVar(&reason, "reason", "", "`TEXT` for the audit log")
	cmd.Flags().BoolVar(&end, "end", false, "end what was declared")
	return cmd
}
