package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bongsu/bongsu/broker/admin"
)

func newDrill() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "drill",
		Short: "Practise an outage on a share of the logins",
		Long: `Practise an outage: for a share of the logins a provider looks down, slow or failing,
inside our own client. The provider itself notices nothing. A drill ends by its time, which
each node keeps alone, and stops itself when too few of its logins succeed or a real
incident begins.`,
		Example: `  bongsu drill start kakao --share 5% --for 10m --config bongsu.yaml
  bongsu drill report --config bongsu.yaml
  bongsu drill stop --config bongsu.yaml
  bongsu drill lever engage --config bongsu.yaml        no drills, anywhere`,
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDrillStart(), newDrillStop(), newDrillReport(), newDrillList(), newLever())
	return cmd
}

func newDrillStart() *cobra.Command {
	d := &desk{}
	var r admin.DrillRequest
	var share string
	var last time.Duration
	cmd := &cobra.Command{
		Use:   "start PROVIDER --share PERCENT --for DURATION [flags] (--config FILE | --admin URL)",
		Short: "Start a drill at all sites",
		Long: `Start a drill at all sites. It is refused while drills are forbidden (check D01), while
there is a real incident (D02), and while fewer than two other providers are known to be
healthy (D03). People known to have one way only are spared unless --include-single is said.` + deskLong,
		Example: `  bongsu drill start kakao --share 5% --for 10m --config bongsu.yaml
  bongsu drill start kakao --kind slow --share 1% --for 5m --reason "monthly" --config bongsu.yaml`,
		Args: exactly("PROVIDER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if r.Share, err = thousandths(share); err != nil {
				return usageError{fmt.Errorf("--share: %w", err), cmd.CommandPath()}
			}
			r.Provider, r.Seconds = args[0], int64(last/time.Second)
			client, err := d.client(cmd)
			if err != nil {
				return err
			}
			got, err := client.StartDrill(cmd.Context(), r)
			if err != nil {
				return ordered(cmd, err)
			}
			if err := d.show(cmd, got, func(out io.Writer) {
				say(out, "drill %s: %s looks %s for %s of the logins, until %s\n", got.ID, got.Provider, looks(got.Kind), percent(float64(got.Share)/1000), when(got.EndsAt))
			}); err != nil {
				return err
			}
			d.next(cmd, "drill report "+got.ID)
			return nil
		},
	}
	d.flags(cmd)
	cmd.Flags().StringVar(&r.Kind, "kind", "down", "what the provider seems to do: `down`, slow or error")
	cmd.Flags().StringVar(&share, "share", "", "of the logins, in `PERCENT`; at most 50%")
	cmd.Flags().DurationVar(&last, "for", 0, "how long, such as 10m; at most 1h")
	cmd.Flags().BoolVar(&r.IncludeSingle, "include-single", false, "people known to have one way only are not spared")
	cmd.Flags().StringVar(&r.Reason, "reason", "", "`TEXT` for the audit log")
	return cmd
}

// thousandths reads a share in percent.
func thousandths(text string) (int64, error) {
	value, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if err != nil || math.IsNaN(value) || value < 0.1 || value > 50 {
		return 0, errors.New("a share is from 0.1% to 50%")
	}
	return int64(math.Round(value * 10)), nil
}

func percent(share float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(100*share, 'f', 1, 64), ".0") + "%"
}

// looks is a kind of drill as an adjective.
func looks(kind string) string {
	if kind == "error" {
		return "failing"
	}
	return kind
}

func newDrillStop() *cobra.Command {
	d := &desk{}
	cmd := &cobra.Command{
		Use:     "stop [ID] (--config FILE | --admin URL)",
		Short:   "Stop the drill that runs",
		Long:    "Stop the drill that runs, at all sites." + deskLong,
		Example: "  bongsu drill stop --config bongsu.yaml",
		Args:    atMost("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := d.client(cmd)
			if err != nil {
				return err
			}
			got, err := client.StopDrill(cmd.Context(), strings.Join(args, ""))
			if err != nil {
				return ordered(cmd, err)
			}
			if err := d.show(cmd, got, func(out io.Writer) { reportTable(out, got) }); err != nil {
				return err
			}
			d.next(cmd, "drill report "+got.Drill.ID)
			return nil
		},
	}
	d.flags(cmd)
	return cmd
}

func newDrillReport() *cobra.Command {
	d := &desk{}
	cmd := &cobra.Command{
		Use:     "report [ID] (--config FILE | --admin URL)",
		Short:   "Tell what became of the logins of a drill",
		Long:    "Tell what became of the logins of a drill: the latest, unless one is named." + deskLong,
		Example: "  bongsu drill report --config bongsu.yaml",
		Args:    atMost("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := d.client(cmd)
			if err != nil {
				return err
			}
			got, err := client.DrillReport(cmd.Context(), strings.Join(args, ""))
			if err != nil {
				return ordered(cmd, err)
			}
			if err := d.show(cmd, got, func(out io.Writer) { reportTable(out, got) }); err != nil {
				return err
			}
			if got.Drill.Running {
				d.next(cmd, "drill stop "+got.Drill.ID)
			}
			return nil
		},
	}
	d.flags(cmd)
	return cmd
}

// reportTable tells the numbers, which add up.
func reportTable(out io.Writer, r admin.DrillReport) {
	var saved int64
	for _, n := range r.FellBack {
		saved += n
	}
	say(out, "drill %s\t%s %s for %s, %s\n", r.Drill.ID, r.Drill.Provider, looks(r.Drill.Kind), percent(float64(r.Drill.Share)/1000), ended(r.Drill))
	say(out, "logins\t%d\n", r.Assigned)
	say(out, "fell back\t%d%s\n", saved, of(saved, r.Assigned))
	for _, way := range slices.Sorted(maps.Keys(r.FellBack)) {
		say(out, "  by %s\t%d\n", way, r.FellBack[way])
	}
	say(out, "by %s after all\t%d\n", r.Drill.Provider, r.Completed)
	say(out, "refused\t%d\n", r.Refused)
	if r.Final {
		say(out, "gave up\t%d\n", r.Unfinished)
	} else {
		say(out, "under way, or gave up\t%d\n", r.Unfinished)
	}
}

func of(n, all int64) string {
	if all == 0 {
		return ""
	}
	return " (" + percent(float64(n)/float64(all)) + ")"
}

// ended says how a drill stands.
func ended(d admin.Drill) string {
	switch {
	case d.Running:
		return "runs until " + when(d.EndsAt)
	case d.Stop == "":
		return "ended by its time at " + when(d.EndsAt)
	}
	return "stopped at " + when(d.StoppedAt) + " (" + d.Stop + ")"
}

func newDrillList() *cobra.Command {
	d := &desk{}
	var limit int
	cmd := &cobra.Command{
		Use:     "list [--limit N] (--config FILE | --admin URL)",
		Short:   "List drills, newest first",
		Long:    "List drills, newest first." + deskLong,
		Example: "  bongsu drill list --config bongsu.yaml",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := d.client(cmd)
			if err != nil {
				return err
			}
			got, err := client.Drills(cmd.Context(), limit)
			if err != nil {
				return ordered(cmd, err)
			}
			return d.show(cmd, got, func(out io.Writer) {
				say(out, "DRILL\tPROVIDER\tKIND\tSHARE\tSTARTED\tBY\tENDED\n")
				for _, r := range got {
					say(out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.Provider, r.Kind, percent(float64(r.Share)/1000), when(r.StartedAt), r.By, ended(r))
				}
			})
		},
	}
	d.flags(cmd)
	cmd.Flags().IntVar(&limit, "limit", 20, "at most `N`")
	return cmd
}

func newLever() *cobra.Command {
	d := &desk{}
	var reason string
	cmd := &cobra.Command{
		Use:   "lever (engage | release | show) (--config FILE | --admin URL)",
		Short: "Stop all drills everywhere and forbid new ones",
		Long:  "Stop all drills everywhere and forbid new ones: engage. Allow them again: release." + deskLong,
		Example: `  bongsu drill lever engage --reason "release day" --config bongsu.yaml
  bongsu drill lever release --config bongsu.yaml`,
		Args: exactly("engage, release or show"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains([]string{"engage", "release", "show"}, args[0]) {
				return usageError{fmt.Errorf("%q is neither engage nor release nor show", args[0]), cmd.CommandPath()}
			}
			client, err := d.client(cmd)
			if err != nil {
				return err
			}
			var got admin.Lever
			if args[0] == "show" {
				got, err = client.Lever(cmd.Context())
			} else {
				got, err = client.PullLever(cmd.Context(), admin.Lever{Engaged: args[0] == "engage", Reason: reason})
			}
			if err != nil {
				return ordered(cmd, err)
			}
			if err := d.show(cmd, got, func(out io.Writer) {
				say(out, "drills are %s\n", map[bool]string{true: "forbidden", false: "allowed"}[got.Engaged])
			}); err != nil {
				return err
			}
			if got.Engaged {
				d.next(cmd, "drill lever release")
			}
			return nil
		},
	}
	d.flags(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "`TEXT` for the audit log")
	return cmd
}
