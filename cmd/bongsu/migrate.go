package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/bongsu/bongsu/broker/config"
	"github.com/bongsu/bongsu/broker/store/sqlstore"
)

// pending is that a plan has something to do.
type pending struct{ error }

func (p pending) Unwrap() error { return p.error }

func newMigrate() *cobra.Command {
	var path string
	var plan, contract bool
	d := &desk{}
	cmd := &cobra.Command{
		Use:   "migrate [--plan] [--contract] --config FILE",
		Short: "Bring the tables of the database up to date, or say what would be done",
		Long: `Bring the tables of the configured database up to date with this program, or say
with --plan what would be done, changing nothing.

Migrations of the kind expand only add: nodes of the version before go on beside them,
and a node that starts does them by itself unless the configuration says
store.migrate: manual. Those of the kind contract take away what nodes of before still
use. No node does them by itself, and this command only with --contract: stop the older
nodes, back up the database, then run it. Nodes of this version serve before and after.

Exit codes of --plan: 0 nothing is to be done, 10 something is, 3 the database needs a
newer program than this one, 1 it could not be read.`,
		Example: `  bongsu migrate --plan --config /etc/bongsu/bongsu.yaml
  bongsu migrate --config /etc/bongsu/bongsu.yaml
  bongsu migrate --contract --config /etc/bongsu/bongsu.yaml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(cmd, path)
			if err != nil {
				return err
			}
			if err := d.checkOutput(cmd); err != nil {
				return err
			}
			if plan && contract {
				return usageError{errors.New("--plan does nothing, and --contract is about what is done"), cmd.CommandPath()}
			}
			o := storeOptions(cfg)
			if plan {
				return planned(cmd, d, o)
			}
			return migrated(cmd, d, o, contract)
		},
	}
	configFlag(cmd, &path)
	d.outputFlag(cmd)
	cmd.Flags().BoolVar(&plan, "plan", false, "say what would be done and change nothing")
	cmd.Flags().BoolVar(&contract, "contract", false, "take away what older nodes use: none of them is left")
	return cmd
}

// storeOptions is the configured database, as a command opens it.
func storeOptions(cfg *config.Config) sqlstore.Options {
	return sqlstore.Options{
		Driver: cfg.Store.Driver, Path: cfg.Store.Path, Writer: cfg.Store.Writer, Logger: slog.New(slog.DiscardHandler),
	}
}

func planned(cmd *cobra.Command, d *desk, o sqlstore.Options) error {
	found, err := sqlstore.Look(cmd.Context(), o)
	if err != nil {
		return err
	}
	if err := d.show(cmd, planOf(found), func(out io.Writer) { planTable(out, found) }); err != nil {
		return err
	}
	switch {
	case !found.Fits():
		return tooNew(found)
	case len(found.Pending) > 0:
		return pending{fmt.Errorf("%s pending, nothing was changed; next: bongsu migrate%s", count(len(found.Pending), "migration"), withContract(found))}
	default:
		return nil
	}
}

func migrated(cmd *cobra.Command, d *desk, o sqlstore.Options, contract bool) error {
	done, err := sqlstore.Migrate(cmd.Context(), o, contract)
	if errors.Is(err, sqlstore.ErrContract) {
		planTable(cmd.ErrOrStderr(), done)
		return refusal{errors.New("a migration takes away what older nodes use: stop them, back up the database, and run bongsu migrate --contract")}
	}
	if err != nil {
		return err
	}
	if !done.Fits() {
		return tooNew(done)
	}
	return d.show(cmd, planOf(done), func(out io.Writer) { doneTable(out, done) })
}

func tooNew(p sqlstore.Plan) error {
	return refusal{fmt.Errorf("the database needs a program that knows schema %d, this one knows %d: use a newer version", p.Needs, p.Knows)}
}

func withContract(p sqlstore.Plan) string {
	if p.Contracts() {
		return " --contract"
	}
	return ""
}

// planJSON is a [sqlstore.Plan] for scripts.
type planJSON struct {
	Driver  string          `json:"driver"`
	Schema  int64           `json:"schema"` // 0: the database is empty
	Needs   int64           `json:"needs"`  // what programs must know to work with it
	Knows   int64           `json:"knows"`  // what this program knows
	Pending []migrationJSON `json:"pending"`
}

// migrationJSON is a [sqlstore.Migration] for scripts.
type migrationJSON struct {
	Version int64  `json:"version"`
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Needs   int64  `json:"needs"` // what programs must know from then on
}

func planOf(p sqlstore.Plan) planJSON {
	told := planJSON{Driver: p.Driver, Schema: p.Schema, Needs: p.Needs, Knows: p.Knows, Pending: []migrationJSON{}}
	needs := p.Needs
	for _, m := range p.Pending {
		kind := "expand"
		if m.Contract() {
			kind, needs = "contract", m.Needs
		}
		needs = max(needs, 1)
		told.Pending = append(told.Pending, migrationJSON{m.Version, m.Name, kind, needs})
	}
	return told
}

func planTable(out io.Writer, p sqlstore.Plan) {
	if p.Schema == 0 {
		say(out, "%s: empty; this program knows schema %d\n", p.Driver, p.Knows)
	} else {
		say(out, "%s: schema %d, for programs that know %d or later; this program knows %d\n", p.Driver, p.Schema, p.Needs, p.Knows)
	}
	if len(p.Pending) == 0 {
		say(out, "nothing to do\n")
		return
	}
	say(out, "\nVERSION\tNAME\tKIND\tNODES BESIDE IT\n")
	for _, m := range planOf(p).Pending {
		say(out, "%d\t%s\t%s\tschema %d or later\n", m.Version, m.Name, m.Kind, m.Needs)
	}
}

func doneTable(out io.Writer, p sqlstore.Plan) {
	if len(p.Pending) == 0 {
		say(out, "%s: schema %d, nothing to do\n", p.Driver, p.Schema)
		return
	}
	was := fmt.Sprintf("schema %d", p.Schema)
	if p.Schema == 0 {
		was = "empty"
	}
	say(out, "%s: was %s, is schema %d now\n", p.Driver, was, p.Knows)
}
