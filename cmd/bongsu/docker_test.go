package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/bongsu/bongsu/broker/store/pgtest"
)

// docker does what compose files, their comments and scripts here ask of Docker,
// with processes of this machine in the place of containers: what a container sees
// at a path stands below a folder of its own, and its addresses are this machine's.
// This test binary is docker when it is called so. It works in the folder of
// compose.yaml and keeps what it makes beside that.
func docker() {
	syscall.Umask(0o022) // whoever calls Docker gives it no umask
	if err := dockerDoes(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "docker:", err)
		os.Exit(1)
	}
}

func dockerDoes(args []string) error {
	flags, words := split(args)
	switch {
	case len(words) > 1 && words[0] == "compose" && words[1] == "build":
		return nil
	case len(words) > 2 && words[0] == "compose" && words[1] == "run":
		s, err := newContainer(words[2])
		if err != nil {
			return err
		}
		return s.command(words[3:]...).Run()
	case len(words) > 1 && words[0] == "compose" && words[1] == "up":
		return eachContainer(words[2:], (*container).up)
	case len(words) > 2 && words[0] == "run" && flags["--entrypoint"] == "chown":
		return handOver(flags["--volume"], words[2], words[3:])
	case len(words) > 2 && words[0] == "run" && words[1] == "bongsu":
		outside, inside, _ := strings.Cut(flags["--volume"], ":")
		for i, word := range words {
			words[i] = strings.Replace(word, inside+"/", outside+"/", 1)
		}
		return program(words[2:]...).Run()
	}
	return fmt.Errorf("nobody has taught this one: %q", args)
}

// split tells Docker's own flags from its words; what the container is told follows
// the third word as it is.
func split(args []string) (flags map[string]string, words []string) {
	flags = map[string]string{}
	own := 2 // run IMAGE
	if args[0] == "compose" {
		own = 3 // compose run SERVICE
	}
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case len(words) >= own || !strings.HasPrefix(arg, "--"):
			words = append(words, arg)
		case slices.Contains([]string{"--user", "--volume", "--entrypoint"}, arg):
			flags[arg] = args[i+1]
			i++
		default:
			flags[arg] = ""
		}
	}
	return flags, words
}

// handOver is chown in a container that has a folder mounted: nodes here run as whoever
// runs the test, databases as PostgreSQL's own account.
func handOver(volume, recursive string, args []string) error {
	const node, database = "65532", "999"
	who, err := pgtest.Account()
	switch {
	case err != nil || recursive != "-R" || len(args) < 2 || args[0] != node && args[0] != database:
		return fmt.Errorf("chown %s %q: %w", recursive, args, err)
	case args[0] == node || who.Credential == nil:
		return nil
	}
	outside, inside, _ := strings.Cut(volume, ":")
	for _, path := range args[1:] {
		err = errors.Join(err, filepath.WalkDir(strings.Replace(path, inside, outside, 1), func(path string, _ os.DirEntry, err error) error {
			return errors.Join(err, os.Chown(path, int(who.Credential.Uid), int(who.Credential.Gid)))
		}))
	}
	return err
}

// program is this test binary as bongsu.
func program(args ...string) *exec.Cmd {
	self, err := os.Executable()
	return &exec.Cmd{Path: self, Args: append([]string{"bongsu"}, args...), Err: err, Stdout: os.Stdout, Stderr: os.Stderr}
}

// container is a service of compose.yaml.
type container struct {
	service

	name string
	dir  string // of what is made for it
}

// root is where it sees its own /.
func (c *container) root(path string) string { return filepath.Join(c.dir, "root", path) }

// sockets is where its sockets and its temporary files are.
func (c *container) sockets() string { return filepath.Join(c.dir, "tmp") }

func (c *container) pidFile() string { return filepath.Join(c.dir, "pid") }

// newContainer gives a service the folder that it sees.
func newContainer(name string) (*container, error) {
	text, err := os.ReadFile("compose.yaml")
	if err != nil {
		return nil, err
	}
	var file compose
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, err
	}
	here, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	c := &container{service: file.Services[name], name: name, dir: filepath.Join(here, "containers", name)}
	if c.Image == "" {
		return nil, fmt.Errorf("no service is called %s", name)
	}
	for _, secret := range c.Secrets {
		c.Volumes = append(c.Volumes, file.Secrets[secret].File+":/run/secrets/"+secret)
	}
	for _, volume := range c.Volumes {
		parts := strings.Split(volume, ":")
		from := filepath.Join(here, parts[0])
		if !strings.HasPrefix(parts[0], "./") {
			from = filepath.Join(here, "volumes", parts[0])
			err = errors.Join(err, c.own(from))
		}
		err = errors.Join(err, os.MkdirAll(filepath.Dir(c.root(parts[1])), 0o755))
		if link := os.Symlink(from, c.root(parts[1])); !errors.Is(link, os.ErrExist) {
			err = errors.Join(err, link)
		}
	}
	return c, errors.Join(err, c.own(c.sockets()))
}

// own makes a folder that the container may write to.
func (c *container) own(path string) error {
	err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.MkdirAll(path, 0o700))
	if who, accountErr := pgtest.Account(); c.User == "postgres" && accountErr == nil && who.Credential != nil {
		err = errors.Join(err, os.Chown(path, int(who.Credential.Uid), int(who.Credential.Gid)))
	}
	return err
}

// command is what the container runs, with what it is told.
func (c *container) command(told ...string) *exec.Cmd {
	for i, word := range told {
		if strings.HasPrefix(word, "/") {
			told[i] = c.root(word)
		}
	}
	cmd := program(told...)
	env := os.Environ()
	for key, value := range c.Environment {
		env = append(env, key+"="+value)
	}
	if c.User == "postgres" {
		bin, err := pgtest.Programs()
		who, accountErr := pgtest.Account()
		words := append([]string{c.Entrypoint[0], c.root(c.Entrypoint[1])}, told...)
		cmd.Path, cmd.Args, cmd.SysProcAttr, cmd.Err = "/bin/sh", words, who, errors.Join(err, accountErr)
		env = append(env, "PATH="+bin+":"+os.Getenv("PATH"), "HOME="+c.dir, "PGDATA="+c.root("/var/lib/postgresql/data"),
			"SECRETS="+c.root("/run/secrets"), "SOCKETS="+c.sockets(), "PGPORT="+portOf["5432"][1:], "PGPASSFILE="+filepath.Join(c.sockets(), "pgpass"))
	} else {
		at := c.address()
		env = append(env, "BONGSU_DATA_DIR="+c.root("/var/lib/bongsu"), "BONGSU_LISTEN="+at+portOf["8080"], "BONGSU_ADMIN="+at+portOf["9090"],
			"BONGSU_GOSSIP__LISTEN="+at+portOf["7946"], "BONGSU_PEERS__LISTEN="+at+portOf["7947"])
	}
	cmd.Env, cmd.Dir = env, c.dir
	return cmd
}

func (c *container) address() string { return c.Networks["wire"].Address }

// up starts the container and leaves it; a database is waited for.
func (c *container) up() error {
	log, err := os.OpenFile(filepath.Join(c.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	var told []string
	if c.User != "postgres" {
		told = []string{"serve", "--config", "/etc/bongsu/bongsu.yaml"} // the image's own command
	}
	cmd := c.command(told...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := errors.Join(cmd.Start(), log.Close()); err != nil {
		return err
	}
	if err := os.WriteFile(c.pidFile(), []byte(strconv.Itoa(cmd.Process.Pid)), 0o600); err != nil || c.User != "postgres" {
		return err
	}
	bin, err := pgtest.Programs()
	for range 600 {
		asked := exec.Command(filepath.Join(bin, "pg_isready"), "--quiet", "--host="+c.sockets(), "--port="+strings.TrimPrefix(portOf["5432"], ":"))
		if err != nil || asked.Run() == nil {
			return err
		}
		<-time.After(50 * time.Millisecond)
	}
	return errors.New(c.name + " does not answer")
}

// down ends a container as a power cut would.
func (c *container) down() error {
	text, err := os.ReadFile(c.pidFile())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	pid, parseErr := strconv.Atoi(string(text))
	if err := errors.Join(err, parseErr, os.Remove(c.pidFile())); err != nil {
		return err
	}
	if c.User == "postgres" {
		pgtest.Kill(pid, func() {})
		return nil
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}

// eachContainer does something to services at once.
func eachContainer(names []string, do func(*container) error) error {
	failed := make(chan error)
	for _, name := range names {
		go func() {
			c, err := newContainer(name)
			if err == nil {
				err = do(c)
			}
			failed <- err
		}()
	}
	var all error
	for range names {
		all = errors.Join(all, <-failed)
	}
	return all
}
