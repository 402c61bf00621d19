package dev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Run serves everything until ctx ends, then forgets it. It prints where things
// stand to o.Out, and the line that begins with "Ready" when a login would
// succeed. The end of ctx is no error.
func Run(ctx context.Context, o Options) error {
	began := time.Now()
	if o.Out == nil {
		o.Out = io.Discard
	}
	i, err := New(ctx, o)
	if err != nil {
		return err
	}
	if err := i.announce(o.Out); err != nil {
		return errors.Join(err, i.Stop())
	}
	if err := i.Start(ctx); err != nil {
		stopped := i.Stop()
		if ctx.Err() != nil {
			return stopped // stopped before it was ready
		}
		return errors.Join(err, stopped)
	}
	if _, err := fmt.Fprintf(o.Out, "\nReady in %s. Ctrl-C stops and forgets everything.\n", seconds(time.Since(began))); err != nil {
		return errors.Join(fmt.Errorf("write: %w", err), i.Stop())
	}
	select {
	case <-ctx.Done():
		return i.Stop()
	case err := <-i.failed:
		return errors.Join(err, i.Stop())
	}
}

// announce prints where everything stands and what an application needs.
func (i *Instance) announce(out io.Writer) error {
	names := make([]string, len(people))
	for n, p := range people {
		names[n] = p.name + " (" + strings.Join(p.ways, " and ") + ")"
	}
	_, err := fmt.Fprintf(out, `Bongsu dev mode: nothing is kept, loopback only, never for production.

  issuer       %[1]s    discovery  /.well-known/openid-configuration
%[8]s  demo site    %[2]s    <- open this, press "로그인"
  switchboard  %[3]s    break a provider, see what happens
  providers    %[4]s    (all simulated)
  people       %[5]s
               choose one on a provider's page, or add person=NAME to its address
  client       id=%[6]s  secret=%[7]s  redirect=http://localhost:*  (dev only)

Add to your app:
  BONGSU_ISSUER=%[1]s
  BONGSU_CLIENT_ID=%[6]s
  BONGSU_CLIENT_SECRET=%[7]s

See what the broker knows, as its operator:
%[9]s`, i.Issuer(), i.Demo(), i.Switchboard(), strings.Join(i.upstreams.Names(), " "), strings.Join(names, ", "), clientDemo, secretDemo, i.siteLines(), i.operatorLines())
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// siteLines are the lines about several sites; none for a single one.
func (i *Instance) siteLines() string {
	if len(i.sites) == 1 {
		return ""
	}
	var lines strings.Builder
	label := "sites"
	for _, site := range i.sites {
		_, _ = fmt.Fprintf(&lines, "  %-12s %-24s %s\n", label, site.url, site.name) // a builder does not fail
		label = ""
	}
	_, _ = fmt.Fprintf(&lines, `               the issuer's address asks the first that lives; %s names it
               curl -X PUT %s/sites/%s -d '{"state":"dead"}'    or frozen, cut, ok
`, siteHeader, strings.TrimPrefix(i.Switchboard(), "http://"), i.sites[0].name)
	return lines.String()
}

// operatorLines are the command of an operator for each site.
func (i *Instance) operatorLines() string {
	var lines strings.Builder
	for _, site := range i.sites {
		_, _ = fmt.Fprintf(&lines, "  bongsu health --admin %s --credential %s\n", site.admin, i.credential)
	}
	return lines.String()
}

// seconds writes d as people read it.
func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
