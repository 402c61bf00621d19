package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bongsu/bongsu/broker/simulate"
)

func newSimulate() *cobra.Command {
	var seed uint64
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "simulate SCRIPT",
		Short: "Play an outage against the code that would meet it",
		Long: `Play an outage in virtual time against the program's own health boards, choice of
ways, ceilings and exchange of news, with as many people as the script says, and
print how long each site took to find out, who came in by another way, who was moved
wrongly, who had no other way, and what came upon the fallbacks.

SCRIPT is a file, or one that comes with the program: ` + strings.Join(simulate.Shipped(), ", ") + `.
The same seed gives the same report.`,
		Example: `  bongsu simulate kakao-2022
  bongsu simulate --seed 7 --json outage.yaml`,
		Args: oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			script, err := readScript(args[0])
			if err != nil {
				return err
			}
			report, err := simulate.Run(cmd.Context(), script, seed)
			if err != nil {
				return fmt.Errorf("simulate: %w", err)
			}
			if asJSON {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(report)
			}
			_, err = report.WriteTo(cmd.OutOrStdout())
			return err
		},
	}
	cmd.Flags().Uint64Var(&seed, "seed", 1, "the `NUMBER` that chance begins with")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}

// readScript reads a script that comes with the program, or a file.
func readScript(name string) (*simulate.Script, error) {
	if found, err := simulate.Open(name); err == nil || !strings.ContainsAny(name, "./\\") && !exists(name) {
		return found, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open script: %w", err)
	}
	script, err := simulate.Read(f)
	return script, errors.Join(err, f.Close())
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
