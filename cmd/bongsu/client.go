package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/bongsu/bongsu/broker/admin"
	"github.com/bongsu/bongsu/broker/config"
)

// maxRegistrationFile bounds a registration's file in bytes; what is longer is
// refused where it is read.
const maxRegistrationFile = 65 << 10

func newClient() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "client",
		Short: "Register websites, and change their secrets while logins go on",
		Long: `Register websites, and change their secrets while logins go on. What is registered at
one node is served by every node within 5 s. Websites may also stand in the configuration
file, which owns them then: they are changed there.

A secret changes without a gap: secret add, give the new one to the website, and secret
drop the old one, which is refused while it is in use.`,
		Example: `  bongsu client add shop --name "Our shop" --redirect-uri https://shop.example.kr/callback --first-party --config bongsu.yaml
  bongsu client list --config bongsu.yaml
  bongsu client doctor shop --config bongsu.yaml
  bongsu client secret add shop --config bongsu.yaml`,
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newClientAdd(), newClientUpdate(), newClientList(), newClientShow(), newClientDoctor(), newClientRemove(), newClientSecret())
	return cmd
}

// entry is a registration as a command line says it.
type entry struct {
	from        string
	name        string
	redirects   []string
	postLogout  []string
	providers   []string
	grants      []string
	public      bool
	native      bool
	firstParty  bool
	stale       bool
	writerGone  string
	continued   bool
	initiate    string
	uri         string
	backchannel string
	reason      string
}

func (e *entry) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&e.from, "from", "f", "", "read the registration from `FILE`: an entry as under clients in the configuration; - is standard input")
	f.StringVar(&e.name, "name", "", "what people read, as `TEXT`")
	f.StringArrayVar(&e.redirects, "redirect-uri", nil, "where codes are sent, as `URI`, exactly; may be said again")
	f.StringArrayVar(&e.postLogout, "post-logout-redirect-uri", nil, "where browsers may return after logout, as `URI`; may be said again")
	f.StringArrayVar(&e.providers, "provider", nil, "a `PROVIDER` that it takes, first choice first; all unless said")
	f.StringArrayVar(&e.grants, "grant-type", nil, "a `TYPE` of grant; authorization_code unless said")
	f.BoolVar(&e.public, "public", false, "an app that cannot keep a secret")
	f.BoolVar(&e.native, "native", false, "an installed app")
	f.BoolVar(&e.firstParty, "first-party", false, "our own: nobody is asked for consent")
	f.BoolVar(&e.stale, "stale-allowed", false, "people may log in while the site is cut off for longer than 60 s")
	f.StringVar(&e.writerGone, "writer-gone", "", "while the database's writer is out of reach: `WHAT`, node or wait")
	f.BoolVar(&e.continued, "continuation", false, "people this browser knows may go on while no database answers")
	f.StringVar(&e.initiate, "initiate-login-uri", "", "where a login begins anew, as `URI`")
	f.StringVar(&e.uri, "client-uri", "", "its home page, as `URI`")
	f.StringVar(&e.backchannel, "backchannel-logout-uri", "", "where it is told that a session has ended, as `URI`")
	f.StringVar(&e.reason, "reason", "", "`TEXT` for the audit log")
}

// document is the registration in JSON. With a file the flags say nothing else.
func (e *entry) document(cmd *cobra.Command, id string) ([]byte, error) {
	if e.from == "" {
		return e.said(id)
	}
	for _, name := range []string{"name", "redirect-uri", "post-logout-redirect-uri", "provider", "grant-type", "public", "native", "first-party", "stale-allowed", "writer-gone", "continuation", "initiate-login-uri", "client-uri", "backchannel-logout-uri"} {
		if cmd.Flags().Changed(name) {
			return nil, usageError{fmt.Errorf("--%s: with --from, the file says it", name), cmd.CommandPath()}
		}
	}
	in, name := cmd.InOrStdin(), e.from
	if e.from != "-" {
		file, err := os.Open(e.from)
		if err != nil {
			return nil, fmt.Errorf("read registration: %w", err)
		}
		defer func() { _ = file.Close() }() // read only: nothing to lose
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, maxRegistrationFile))
	if err != nil {
		return nil, fmt.Errorf("read registration: %w", err)
	}
	written, document, err := config.ReadRegistration(name, text)
	if problems, ok := errors.AsType[config.Problems](err); ok {
		say(cmd.ErrOrStderr(), "%v\n%s\n", problems, count(len(problems), "problem"))
		return nil, printed{err}
	}
	if err != nil {
		return nil, err
	}
	if written != id {
		return nil, usageError{fmt.Errorf("%s registers %q, not %q", name, written, id), cmd.CommandPath()}
	}
	return document, nil
}

// newClientAdd registers a website.
func newClientAdd() *cobra.Command {
	d, e := &desk{}, &entry{}
	cmd := &cobra.Command{
		Use:   "add ID (--name TEXT --redirect-uri URI … | --from FILE) [flags] (--config FILE | --admin URL)",
		Short: "Register a website; its secret is shown once",
		Long: `Register a website. Its secret goes to standard output, once, and is kept nowhere: the
store has its SHA-256. Everything that is wrong with the registration is said at once, and
then nothing is stored.` + deskLong,
		Example: `  bongsu client add shop --name "Our shop" --redirect-uri https://shop.example.kr/callback --first-party --config bongsu.yaml
  bongsu client add app --name "Our app" --public --native --redirect-uri kr.example.app:/callback --config bongsu.yaml
  bongsu client add shop --from shop.yaml --config bongsu.yaml`,
		Args: exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			document, err := e.document(cmd, args[0])
			if err != nil {
				return err
			}
			at, err := d.client(cmd)
			if err != nil {
				return err
			}
			got, err := at.AddClient(cmd.Context(), admin.Registration{Client: document, Reason: e.reason})
			if err != nil {
				return ordered(cmd, err)
			}
			if err := d.made(cmd, got, "is registered"); err != nil {
				return err
			}
			d.next(cmd, "client doctor "+got.Client.ID)
			return nil
		},
	}
	d.flags(cmd)
	e.flags(cmd)
	return cmd
}

// newClientUpdate registers a website otherwise.
func newClientUpdate() *cobra.Command {
	d, e := &desk{}, &entry{}
	cmd := &cobra.Command{
		Use:   "update ID --from FILE (--config FILE | --admin URL)",
		Short: "Register a website otherwise; its secrets stay",
		Long: `Register a website otherwise. The file is the whole registration: begin with what
client show ID -o registration prints. Secrets stay as they are.` + deskLong,
		Example: `  bongsu client show shop -o registration --config bongsu.yaml > shop.json
  bongsu client update shop --from shop.json --config bongsu.yaml`,
		Args: exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if e.from == "" {
				return usageError{errors.New("--from FILE is required"), cmd.CommandPath()}
			}
			document, err := e.document(cmd, args[0])
			if err != nil {
				return err
			}
			at, err := d.client(cmd)
			if err != nil {
				return err
			}
			got, err := at.ReplaceClient(cmd.Context(), args[0], admin.Registration{Client: document, Reason: e.reason})
			if err != nil {
				return ordered(cmd, err)
			}
			if err := d.made(cmd, got, "is registered so"); err != nil {
				return err
			}
			d.next(cmd, "client doctor "+got.Client.ID)
			return nil
		},
	}
	d.flags(cmd)
	cmd.Flags().StringVarP(&e.from, "from", "f", "", "read the registration from `FILE`; - is standard input")
	cmd.Flags().StringVar(&e.reason, "reason", "", "`TEXT` for the audit log")
	return cmd
}

// made shows what became of a client: a new secret alone goes to standard
// output, so that it can be sent on without being seen.
func (d *desk) made(cmd *cobra.Command, got admin.Registered, done string) error {
	if d.output == "json" {
		return d.show(cmd, got, nil)
	}
	say(cmd.ErrOrStderr(), "%s %s, at this node now and at every node within 5 s\n", got.Client.ID, done)
	if got.Secret != "" {
		say(cmd.ErrOrStderr(), "its new secret is shown now and never again:\n")
		say(cmd.OutOrStdout(), "%s\n", got.Secret)
	}
	return nil
}

func newClientList() *cobra.Command {
	d := &desk{}
	cmd := &cobra.Command{
		Use:     "list (--config FILE | --admin URL)",
		Short:   "List the websites and who owns their registration",
		Long:    "List the websites: those of the configuration file and those of the store." + deskLong,
		Example: "  bongsu client list --config bongsu.yaml\n  bongsu client list --config bongsu.yaml -o json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := d.client(cmd)
			if err != nil {
				return err
			}
			got, err := at.Clients(cmd.Context())
			if err != nil {
				return ordered(cmd, err)
			}
			return d.show(cmd, got, func(out io.Writer) {
				say(out, "CLIENT\tNAME\tOWNER\tKIND\tSECRETS\tREGISTERED\tBY\n")
				for _, c := range got {
					say(out, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", c.ID, c.Name, ownerOf(c), kindOf(c), len(c.Secrets), when(c.CreatedAt), dash(c.By))
				}
			})
		},
	}
	d.flags(cmd)
	return cmd
}

// ownerOf says where a client is changed.
func ownerOf(c admin.ClientState) string {
	text := string(c.Owner)
	if c.Where != "" {
		text = c.Where
	}
	if !c.Served {
		text += " (left out: see the log)"
	}
	return text
}

// kindOf says what sort of client it is.
func kindOf(c admin.ClientState) string {
	kind := "confidential"
	if c.Public {
		kind = "public"
	}
	if c.FirstParty {
		kind += ", first party"
	}
	return kind
}

func newClientShow() *cobra.Command {
	d := &desk{}
	cmd := &cobra.Command{
		Use:   "show ID (--config FILE | --admin URL)",
		Short: "Show a website's registration, and when its secrets were last used",
		Long: `Show a website's registration, and in which hour each of its secrets was last used.
-o registration prints the registration alone, as client add and update read it.` + deskLong,
		Example: "  bongsu client show shop --config bongsu.yaml",
		Args:    exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			alone := d.output == "registration"
			if alone {
				d.output = "json"
			}
			at, err := d.client(cmd)
			if err != nil {
				return err
			}
			got, err := at.ShowClient(cmd.Context(), args[0])
			if err != nil {
				return ordered(cmd, err)
			}
			if alone {
				return d.show(cmd, got.Registration, nil)
			}
			return d.show(cmd, got, func(out io.Writer) { clientTable(out, got) })
		},
	}
	d.flags(cmd)
	return cmd
}

func clientTable(out io.Writer, c admin.ClientState) {
	say(out, "client\t%s\nname\t%s\nowner\t%s\nkind\t%s\n", c.ID, c.Name, ownerOf(c), kindOf(c))
	if !c.CreatedAt.IsZero() {
		say(out, "registered\t%s by %s\nchanged\t%s\n", when(c.CreatedAt), c.By, when(c.UpdatedAt))
	}
	for _, line := range entryLines(c.Registration) {
		say(out, "%s\t%s\n", line[0], line[1])
	}
	for _, s := range c.Secrets {
		say(out, "secret %s\t%s, made %s\n", s.ID, usedAt(s.UsedAt), when(s.CreatedAt))
	}
}

// usedAt says when a secret was last used.
func usedAt(hour time.Time) string {
	if hour.IsZero() {
		return "never used"
	}
	return "last used between " + hour.UTC().Format("2006-01-02 15:04") + " and " + hour.Add(time.Hour).UTC().Format("15:04Z")
}

func newClientRemove() *cobra.Command {
	d := &desk{}
	var o admin.ClientOrder
	var yes bool
	cmd := &cobra.Command{
		Use:   "remove ID --yes (--config FILE | --admin URL)",
		Short: "Take a website's registration away",
		Long: `Take a website's registration away, with its secrets. Nobody can log in to it any more;
what it holds already, such as access tokens, ends by its time.` + deskLong,
		Example: "  bongsu client remove shop --yes --reason \"closed\" --config bongsu.yaml",
		Args:    exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !yes {
				return refusal{errors.New("remove is for good: say --yes")}
			}
			at, err := d.client(cmd)
			if err != nil {
				return err
			}
			got, err := at.RemoveClient(cmd.Context(), args[0], o)
			if err != nil {
				return ordered(cmd, err)
			}
			return d.made(cmd, got, "is removed")
		},
	}
	d.flags(cmd)
	cmd.Flags().StringVar(&o.Reason, "reason", "", "`TEXT` for the audit log")
	cmd.Flags().BoolVar(&yes, "yes", false, "yes, for good")
	return cmd
}
