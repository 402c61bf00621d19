package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bongsu/bongsu/broker/dev"
)

// devPort is where the issuer of dev mode stands; the demo website and the
// switchboard take the two ports behind it.
const devPort = 8417

func newDev() *cobra.Command {
	var o dev.Options
	cmd := &cobra.Command{
		Use:   "dev [--port N] [--sites N] [--providers LIST] [--issuer URL]",
		Short: "Run everything on this machine, to try it out",
		Long: `Run a broker, simulated providers, a demo website and a switchboard for faults in
one process, in memory and on loopback alone. Nothing is kept. Never for production.
The last lines it prints before Ready are commands of its operator, to try them out.

With --sites the broker has several sites, which tell each other what they see of the
providers: seoul, busan and tokyo on ports N+10, N+20 and N+30. The issuer's port then
asks the first of them that lives; the header X-Bongsu-Site names it. The switchboard
kills a site, freezes it or cuts it off, and brings it back: by its buttons, or by
"curl -X PUT localhost:8419/sites/seoul -d '{"state":"dead"}'" (or frozen, cut, ok). The
database is written in one site; 3 seconds after that one stopped it is in another.

The simulated providers are Kakao, Naver, LINE, Google and Apple unless --providers
names others: ` + strings.Join(dev.Providers(), ", ") + `;
or all of them.`,
		Example: `  bongsu dev               issuer on 8417, demo website on 8418, switchboard on 8419
  bongsu dev --port 9000   the same on 9000, 9001 and 9002
  bongsu dev --sites 3     three sites behind 8417, on 8427, 8437 and 8447
  bongsu dev --providers kakao,github,forum`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Sites < 1 || o.Sites > dev.MaxSites {
				return usageError{fmt.Errorf("--sites %d must be from 1 to %d", o.Sites, dev.MaxSites), cmd.CommandPath()}
			}
			if o.Port < 1 || o.Port > o.LastPort() {
				return usageError{fmt.Errorf("--port %d must be from 1 to %d: ports behind it are used as well", o.Port, o.LastPort()), cmd.CommandPath()}
			}
			if err := dev.CheckProviders(o.Providers); err != nil {
				return usageError{fmt.Errorf("--providers: %s", strings.TrimPrefix(err.Error(), "dev: ")), cmd.CommandPath()}
			}
			o.Out = cmd.OutOrStdout()
			err := bounded(cmd.Context(), 2*stopBeyond, func(ctx context.Context) error { return dev.Run(ctx, o) })
			if errors.Is(err, dev.ErrPublicIssuer) {
				return refusal{fmt.Errorf("%w: run serve for one that others can reach", err)}
			}
			return err
		},
	}
	cmd.Flags().IntVar(&o.Port, "port", devPort, "the issuer's port `N`; N+1 and N+2 are used as well")
	cmd.Flags().IntVar(&o.Sites, "sites", 1, "how many sites the broker has, at most 3: `N`")
	cmd.Flags().StringSliceVar(&o.Providers, "providers", nil, "which providers are simulated: a `LIST` with commas, or all")
	cmd.Flags().StringVar(&o.Issuer, "issuer", "", "the issuer's `URL`, on loopback (default http://localhost:N)")
	return cmd
}
