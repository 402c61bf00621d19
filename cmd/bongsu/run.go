package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// The exit codes, which scripts rely on.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2  // the command line is wrong
	exitRefused = 3  // a safety check said no
	exitPartial = 4  // done, but not everywhere yet
	exitAbsent  = 5  // there is no such thing, or it is so already
	exitPending = 10 // a plan has something to do
)

// usageError is a command line that cannot be understood.
type usageError struct {
	error

	command string // whose help to read
}

func (u usageError) Unwrap() error { return u.error }

// refusal is a safety check that said no; its text names the check and the way
// around it.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// printed is a failure whose words the command has already written.
type printed struct{ error }

func (p printed) Unwrap() error { return p.error }

// run is the whole program as a function: it returns the exit code. Data goes
// to out, messages to errs.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)

	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	if _, ok := errors.AsType[printed](err); ok {
		return exitFailed
	}
	say(errs, "bongsu: %v\n", err)
	if usage, ok := errors.AsType[usageError](err); ok {
		say(errs, "see: %s --help\n", usage.command)
		return exitUsage
	}
	if _, ok := errors.AsType[refusal](err); ok {
		return exitRefused
	}
	if _, ok := errors.AsType[partial](err); ok {
		return exitPartial
	}
	if _, ok := errors.AsType[absent](err); ok {
		return exitAbsent
	}
	if _, ok := errors.AsType[pending](err); ok {
		return exitPending
	}
	return exitFailed
}

// say writes to a terminal or a pipe; when nobody reads there is nobody to tell.
func say(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format, args...)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "bongsu",
		Short: "Bongsu is a login broker: one OpenID Provider in front of many, and a way on when one of them fails.",
		Example: `  bongsu dev                                    everything on this machine, to try it out
  bongsu init --dir /etc/bongsu                 write secrets and a configuration
  bongsu config validate --config bongsu.yaml   check it
  bongsu serve --config bongsu.yaml             run it
  bongsu health --config bongsu.yaml            see what it knows of the providers`,
		Args:          knownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetHelpTemplate(helpTemplate)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usageError{err, cmd.CommandPath()} })
	root.AddCommand(newServe(), newDev(), newInit(), newConfig(), newKeys(),
		newClient(), newAccount(), newSession(), newHealth(), newProvider(), newCoverage(), newDrill(), newOperator(), newSimulate(), newMigrate(), newStore(), newVersion())
	completion(root)
	ownUseLines(root)
	return root
}

// completion gives the command that cobra makes help that leads with examples.
func completion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() != "completion" {
			continue
		}
		cmd.Short = "Print the script that completes commands in a shell"
		cmd.Long = cmd.Short
		cmd.Example = `  source <(bongsu completion bash)
  bongsu completion zsh > "${fpath[1]}/_bongsu"
  bongsu completion fish > ~/.config/fish/completions/bongsu.fish`
		cmd.Args = knownCommand
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
}

// ownUseLines keeps the usage lines as they are written: each names its flags.
func ownUseLines(cmd *cobra.Command) {
	cmd.DisableFlagsInUseLine = true
	for _, child := range cmd.Commands() {
		ownUseLines(child)
	}
}

// helpTemplate leads with examples: most readers look for one.
const helpTemplate = `{{with (or .Long .Short)}}{{.}}

{{end}}{{if .HasExample}}Examples:
{{.Example}}

{{end}}Usage:
{{if .HasAvailableSubCommands}}  {{.CommandPath}} COMMAND

Commands:{{range .Commands}}{{if (or .IsAvailableCommand (eq .Name "help"))}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}
{{else}}  {{.UseLine}}
{{end}}{{if .HasAvailableLocalFlags}}
Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}
{{end}}`

// knownCommand refuses what is not a command, and says which one was meant.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("unknown command %q", args[0])
	cmd.SuggestionsMinimumDistance = 2
	if meant := cmd.SuggestionsFor(args[0]); len(meant) > 0 {
		text += fmt.Sprintf(" (did you mean %q?)", strings.Join(meant, `" or "`))
	}
	return usageError{errors.New(text), cmd.CommandPath()}
}

// oneArg takes exactly one argument.
func oneArg(cmd *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	return usageError{fmt.Errorf("%s takes one argument, not %d", cmd.CommandPath(), len(args)), cmd.CommandPath()}
}

// noArgs refuses anything that is not a flag.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError{fmt.Errorf("%s takes no argument such as %q", cmd.CommandPath(), args[0]), cmd.CommandPath()}
}
