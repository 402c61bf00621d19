package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bongsu/bongsu/broker/admin"
)

// credentialVariable names the file of the operator's credential.
const credentialVariable = "BONGSU_OPERATOR_FILE"

// maxCredentialFile bounds that file in bytes.
const maxCredentialFile = 4 << 10

// absent is an order about something that is not there, or is so already.
type absent struct{ error }

func (a absent) Unwrap() error { return a.error }

// partial is an order that is carried out, but not everywhere yet.
type partial struct{ error }

func (p partial) Unwrap() error { return p.error }

// desk is where a command finds the node that it gives an order to.
type desk struct {
	config, admin, credential, output string

	insecure bool
}

const deskLong = `

It speaks to the admin listener of a running node, found by --config or --admin, and
proves itself with an operator's credential: the file of --credential, or that of
` + credentialVariable + `, or secrets/operator.secret beside the configuration.`

// flags adds what every command of an operator takes.
func (d *desk) flags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&d.config, "config", "c", "", "the configuration `FILE` of the node")
	cmd.Flags().StringVar(&d.admin, "admin", "", "the `URL` of the node's admin listener, instead of --config")
	cmd.Flags().StringVar(&d.credential, "credential", "", "the `FILE` with the operator's credential")
	cmd.Flags().BoolVar(&d.insecure, "insecure-admin", false, "send the credential over plain http to another machine, where everybody on the way can read it")
	d.outputFlag(cmd)
}

func (d *desk) outputFlag(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&d.output, "output", "o", "table", "`table` or json")
}

func (d *desk) checkOutput(cmd *cobra.Command) error {
	if d.output != "table" && d.output != "json" {
		return usageError{fmt.Errorf("--output %q is neither table nor json", d.output), cmd.CommandPath()}
	}
	return nil
}

// again is how the next command finds the same node.
func (d *desk) again() string {
	same := " --config " + d.config
	if d.admin != "" {
		same = " --admin " + d.admin
	}
	if d.credential != "" {
		same += " --credential " + d.credential
	}
	return same
}

// client finds the node and the credential.
func (d *desk) client(cmd *cobra.Command) (*admin.Client, error) {
	if err := d.checkOutput(cmd); err != nil {
		return nil, err
	}
	at, err := d.address(cmd)
	if err != nil {
		return nil, err
	}
	credential, err := d.secret(cmd)
	if err != nil {
		return nil, err
	}
	client, err := admin.NewClient(at, credential)
	if err != nil {
		return nil, usageError{errors.New(strings.TrimPrefix(err.Error(), "admin: ")), cmd.CommandPath()}
	}
	return client, nil
}

func (d *desk) address(cmd *cobra.Command) (*url.URL, error) {
	if d.admin == "" {
		cfg, err := loadConfig(cmd, d.config)
		if err != nil {
			return nil, err
		}
		if cfg.Admin == "" {
			return nil, fmt.Errorf("%s has no admin listener: it takes no orders", d.config)
		}
		at := &url.URL{Scheme: "http", Host: reachable(cfg.Admin)}
		if err := d.near(at); err != nil {
			return nil, refusal{fmt.Errorf("admin %s of %s is not on loopback: %w", at.Host, d.config, err)}
		}
		return at, nil
	}
	at, err := url.Parse(d.admin)
	if err != nil || at.Host == "" {
		return nil, usageError{fmt.Errorf("--admin %q is no address", d.admin), cmd.CommandPath()}
	}
	if err := d.near(at); err != nil {
		return nil, usageError{fmt.Errorf("--admin: %w", err), cmd.CommandPath()}
	}
	return at, nil
}

// near refuses to send the credential in clear to another machine.
func (d *desk) near(at *url.URL) error {
	if at.Scheme != "http" || loopback(at.Hostname()) || d.insecure {
		return nil
	}
	return errors.New("plain http is for loopback alone, for the credential travels with it; run the command there, or go through a tunnel or a proxy with --admin https://… (--insecure-admin overrides it)")
}

// reachable is where this machine reaches what listens at address.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return address
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// secret reads the operator's credential. It is never an argument: arguments are
// seen by everybody on the machine.
func (d *desk) secret(cmd *cobra.Command) (string, error) {
	path := d.credential
	if path == "" {
		path = os.Getenv(credentialVariable)
	}
	if path == "" && d.config != "" {
		path = filepath.Join(filepath.Dir(d.config), "secrets", "operator.secret")
	}
	if path == "" {
		return "", usageError{fmt.Errorf("--credential FILE or %s is required", credentialVariable), cmd.CommandPath()}
	}
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read credential: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxCredentialFile))
	if err = errors.Join(err, file.Close()); err != nil {
		return "", fmt.Errorf("read credential: %w", err)
	}
	credential := strings.TrimSpace(string(text))
	if credential == "" || strings.ContainsAny(credential, " \t\r\n") {
		return "", fmt.Errorf("%s does not hold one credential", path)
	}
	return credential, nil
}

// show writes an answer as JSON, or lets table write it.
func (d *desk) show(cmd *cobra.Command, got any, table func(out io.Writer)) error {
	if d.output != "json" {
		rows := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		table(rows)
		return rows.Flush()
	}
	text, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		return err
	}
	say(cmd.OutOrStdout(), "%s\n", text)
	return nil
}

// next names the command that usually follows.
func (d *desk) next(cmd *cobra.Command, command string) {
	say(cmd.ErrOrStderr(), "next: bongsu %s%s\n", command, d.again())
}

// ordered puts a broker's refusal into exit code and words.
func ordered(cmd *cobra.Command, err error) error {
	p, ok := errors.AsType[*admin.Problem](err)
	if !ok {
		if errors.Is(err, admin.ErrUnreachable) {
			return errors.New(strings.TrimPrefix(err.Error(), "admin: "))
		}
		return err
	}
	switch p.Code {
	case admin.CodeRefused:
		if p.Override != "" {
			return refusal{fmt.Errorf("%w (%s overrides it)", p, p.Override)}
		}
		return refusal{p}
	case admin.CodeNotFound, admin.CodeConflict:
		return absent{p}
	case admin.CodeInvalid:
		if strings.Contains(p.Detail, "\n") {
			p.Detail = "\n" + p.Detail // each problem in a line of its own
		}
		return usageError{p, cmd.CommandPath()}
	}
	return p
}

// exactly wants that many arguments, and says which.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		return usageError{fmt.Errorf("%s takes %s", cmd.CommandPath(), strings.Join(names, " ")), cmd.CommandPath()}
	}
}

// atMost wants at most one argument.
func atMost(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) <= 1 {
			return nil
		}
		return usageError{fmt.Errorf("%s takes at most one %s", cmd.CommandPath(), name), cmd.CommandPath()}
	}
}

// when writes a time for people.
func when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// dash stands for nothing.
func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
