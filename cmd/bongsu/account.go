package main

import (
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bongsu/bongsu/broker/admin"
)

func newAccount() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "account",
		Short: "See to one person's account",
		Long: `See to one person's account. It is found by its id, by a way in (the provider and its
subject), or by what a website knows it by (client and sub); never by an address or a
name, which may be somebody else's tomorrow.`,
		Example: `  bongsu account show --client shop --sub u_abcdefghijklmnopqrstuvwxyz --config bongsu.yaml
  bongsu account disable abcdefghijklmnopqrstuvwxyz --reason "stolen telephone" --config bongsu.yaml
  bongsu session list abcdefghijklmnopqrstuvwxyz --config bongsu.yaml`,
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newAccountShow())
	for _, o := range accountOrders {
		cmd.AddCommand(newAccountOrder(o))
	}
	return cmd
}

func newAccountShow() *cobra.Command {
	d := &desk{}
	var q admin.AccountQuery
	cmd := &cobra.Command{
		Use:   "show (ID | --provider P --subject S | --client C --sub SUB) [--reveal] (--config FILE | --admin URL)",
		Short: "Show an account and its ways in",
		Long: `Show an account and its ways in. What is known of the person is masked, unless
--reveal is said; that you looked is audited, and how. To look by --sub may take some
seconds where there are many accounts.` + deskLong,
		Example: `  bongsu account show abcdefghijklmnopqrstuvwxyz --config bongsu.yaml
  bongsu account show --provider kakao --subject 1234567890 --config bongsu.yaml
  bongsu account show --client shop --sub u_abcdefghijklmnopqrstuvwxyz --reveal --reason "ticket 7" --config bongsu.yaml`,
		Args: atMost("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			q.Account = strings.Join(args, "")
			at, err := d.client(cmd)
			if err != nil {
				return err
			}
			got, err := at.FindAccount(cmd.Context(), q)
			if err != nil {
				return ordered(cmd, err)
			}
			if err := d.show(cmd, got, func(out io.Writer) { accountTable(out, got) }); err != nil {
				return err
			}
			if got.DeletedAt.IsZero() {
				d.next(cmd, "session list "+got.ID)
			}
			return nil
		},
	}
	d.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&q.Provider, "provider", "", "the `PROVIDER` of a way in")
	f.StringVar(&q.Subject, "subject", "", "the provider's `SUBJECT`")
	f.StringVar(&q.Client, "client", "", "a website, by its client `ID`; its sub is shown, too")
	f.StringVar(&q.Sub, "sub", "", "what that website knows the account by, as `SUB`")
	f.BoolVar(&q.Reveal, "reveal", false, "mask nothing; audited")
	f.StringVar(&q.Reason, "reason", "", "`TEXT` for the audit log")
	return cmd
}

func accountTable(out io.Writer, a admin.Account) {
	state := "in use"
	switch {
	case !a.DeletedAt.IsZero():
		state = "deleted at " + when(a.DeletedAt) + ": nothing is known of the person, and the sub is never given out again"
	case a.Disabled:
		state = "disabled"
	}
	say(out, "account\t%s\nstate\t%s\nopened\t%s\nchanged\t%s\n", a.ID, state, when(a.CreatedAt), when(a.UpdatedAt))
	if a.OpenedDuring != "" {
		say(out, "opened during an outage of\t%s\n", a.OpenedDuring)
	}
	verified := map[bool]string{true: " (verified)"}
	say(out, "name\t%s\ne-mail\t%s%s\nphone\t%s%s\n", dash(a.Name), dash(a.Email), verified[a.EmailVerified], dash(a.Phone), verified[a.PhoneVerified])
	for _, l := range a.Links {
		say(out, "way %s\t%s, since %s\n", l.Provider, l.Subject, when(l.CreatedAt))
	}
	for _, s := range a.Subjects {
		say(out, "sub at %s\t%s\n", s.Client, s.Sub)
	}
}

// accountOrder is one command that gives an order about an account.
type accountOrder struct {
	name, short, long string
	order             string
	done              string
	next              string // %s is the account
	yes               bool
}

var accountOrders = []accountOrder{
	{
		name: "disable", order: admin.AccountDisable, short: "Let nobody into an account, and end its sessions",
		long: `Let nobody into an account, and end its sessions, at every site within 5 s, whether or
not the store can be reached. Websites that registered for it are told.`,
		done: "is disabled", next: "account enable ",
	},
	{
		name: "enable", order: admin.AccountEnable, short: "Let its person into an account again",
		long: `Let its person into an account again. Sessions that were ended stay ended. Only the
store's writer can say so.`,
		done: "is in use", next: "account show ",
	},
	{
		name: "delete", order: admin.AccountDelete, short: "Delete an account for good",
		long: `Delete an account for good: everything that is known of the person goes, and its
sessions end. What remains says only that there was one, so that its sub is never given
to anybody else. Whoever logs in by one of its ways afterwards is somebody new.`,
		done: "is deleted", yes: true,
	},
}

func newAccountOrder(o accountOrder) *cobra.Command {
	d := &desk{}
	var said admin.PersonOrder
	var yes bool
	use := o.name + " ID [--reason TEXT] (--config FILE | --admin URL)"
	example := "  bongsu account " + o.name + " abcdefghijklmnopqrstuvwxyz --reason \"ticket 7\" --config bongsu.yaml"
	if o.yes {
		use = o.name + " ID --yes [--reason TEXT] (--config FILE | --admin URL)"
		example = strings.Replace(example, " --reason", " --yes --reason", 1)
	}
	cmd := &cobra.Command{
		Use: use, Short: o.short, Long: o.long + deskLong, Example: example,
		Args: exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.yes && !yes {
				return refusal{errors.New(o.name + " is for good: say --yes")}
			}
			return d.orderPerson(cmd, args[0], o.order, said, o.done, o.next)
		},
	}
	d.flags(cmd)
	cmd.Flags().StringVar(&said.Reason, "reason", "", "`TEXT` for the audit log")
	if o.yes {
		cmd.Flags().BoolVar(&yes, "yes", false, "yes, for good")
	}
	return cmd
}

// orderPerson gives an order about an account.
func (d *desk) orderPerson(cmd *cobra.Command, account, order string, said admin.PersonOrder, done, next string) error {
	at, err := d.client(cmd)
	if err != nil {
		return err
	}
	got, err := at.OrderAccount(cmd.Context(), account, order, said)
	if err != nil {
		return ordered(cmd, err)
	}
	if err := d.show(cmd, got, func(out io.Writer) { say(out, "%s %s\n", got.Account, done) }); err != nil {
		return err
	}
	if !got.Recorded {
		return notEverywhere()
	}
	if next != "" {
		d.next(cmd, next+got.Account)
	}
	return nil
}

// notEverywhere is an order that the store does not have yet.
func notEverywhere() error {
	return partial{errors.New("this node obeys; the other nodes do as soon as the store can be reached, which this one goes on trying")}
}

func newSession() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "session",
		Short: "See and end a person's sessions",
		Example: `  bongsu session list abcdefghijklmnopqrstuvwxyz --config bongsu.yaml
  bongsu session revoke SID --config bongsu.yaml
  bongsu session revoke --account abcdefghijklmnopqrstuvwxyz --config bongsu.yaml`,
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newSessionList(), newSessionRevoke())
	return cmd
}

func newSessionList() *cobra.Command {
	d := &desk{}
	cmd := &cobra.Command{
		Use:   "list ACCOUNT (--config FILE | --admin URL)",
		Short: "List an account's sessions, the one used last first",
		Long: `List what is known of an account's sessions, the one used last first: those from which
a website was given something. A browser that is signed in here alone is not known; session
revoke --account ends it, too.` + deskLong,
		Example: "  bongsu session list abcdefghijklmnopqrstuvwxyz --config bongsu.yaml",
		Args:    exactly("ACCOUNT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := d.client(cmd)
			if err != nil {
				return err
			}
			got, err := at.Sessions(cmd.Context(), args[0])
			if err != nil {
				return ordered(cmd, err)
			}
			return d.show(cmd, got, func(out io.Writer) {
				say(out, "SESSION\tSTATE\tBY\tPROVED\tUSED\tWEBSITES\n")
				for _, s := range got {
					state := map[bool]string{true: "ended", false: "may be live"}[s.Ended]
					say(out, "%s\t%s\t%s\t%s\t%s\t%s\n", s.SID, state, s.Provider, when(s.AuthTime), when(s.UsedAt), strings.Join(s.Clients, " "))
				}
			})
		},
	}
	d.flags(cmd)
	return cmd
}

func newSessionRevoke() *cobra.Command {
	d := &desk{}
	var said admin.PersonOrder
	var account string
	cmd := &cobra.Command{
		Use:   "revoke (SID | --account ACCOUNT) [--reason TEXT] (--config FILE | --admin URL)",
		Short: "End a session, or all of an account",
		Long: `End a session, or all of an account, at every site within 5 s. Websites that registered
for it are told. One session ends whether or not the store can be reached.` + deskLong,
		Example: `  bongsu session revoke SID --reason "not theirs" --config bongsu.yaml
  bongsu session revoke --account abcdefghijklmnopqrstuvwxyz --config bongsu.yaml`,
		Args: atMost("SID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 1) == (account != "") {
				return usageError{errors.New("either SID or --account ACCOUNT is required"), cmd.CommandPath()}
			}
			if account != "" {
				return d.orderPerson(cmd, account, admin.AccountSignOut, said, "is signed out everywhere", "session list ")
			}
			at, err := d.client(cmd)
			if err != nil {
				return err
			}
			got, err := at.RevokeSession(cmd.Context(), args[0], said)
			if err != nil {
				return ordered(cmd, err)
			}
			if err := d.show(cmd, got, func(out io.Writer) { say(out, "session %s has ended\n", got.SID) }); err != nil {
				return err
			}
			if !got.Recorded {
				return notEverywhere()
			}
			return nil
		},
	}
	d.flags(cmd)
	cmd.Flags().StringVar(&account, "account", "", "all sessions of the `ACCOUNT`")
	cmd.Flags().StringVar(&said.Reason, "reason", "", "`TEXT` for the audit log")
	return cmd
}
