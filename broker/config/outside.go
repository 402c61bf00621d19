package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	maxFile         = 1 << 20          // bytes of a configuration file
	maxSecret       = 64 << 10         // bytes of a secret's file or of a command's answer
	commandPatience = 10 * time.Second // for a command that prints a secret
)

// outside is the machine around the configuration: the files and commands it
// names. Tests of the parser run without one.
type outside interface {
	// read returns the text of a file without its last line break. A secret's
	// file must not be open to everyone.
	read(path string, secret bool) (string, error)
	// run returns what a command prints, without its last line break.
	run(argv []string) (string, error)
	// path makes a path of the file absolute.
	path(path string) string
	// hostname is what the machine is called.
	hostname() (string, error)
}

// machine is the outside of a real start. Paths of the file are relative to
// the directory it lies in.
type machine struct {
	dir      string
	env      []string
	patience time.Duration
}

func (m machine) path(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(m.dir, path)
}

func (m machine) hostname() (string, error) { return os.Hostname() }

func (m machine) read(path string, secret bool) (string, error) {
	data, mode, err := readBounded(m.path(path), maxSecret)
	if err != nil {
		return "", err
	}
	if secret && openToAll(mode) {
		return "", fmt.Errorf("%s can be read or changed by everyone on this machine (mode %04o): take that away, with chmod 600 or, where a container mounts it, with the mode of the mount", path, mode.Perm())
	}
	return trimLine(string(data)), nil
}

// run starts the command without a shell and without our own variables, which
// may be secrets. Its standard error is not kept: what helpers print there may
// be one too.
func (m machine) run(argv []string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), m.patience)
	defer cancel()

	name := argv[0]
	if strings.ContainsRune(name, filepath.Separator) {
		name = m.path(name)
	}
	var answer bytes.Buffer
	cmd := exec.CommandContext(ctx, name, argv[1:]...)
	cmd.Dir = m.dir
	cmd.Env = slices.DeleteFunc(slices.Clone(m.env), func(v string) bool { return strings.HasPrefix(v, prefixOfVariables) })
	cmd.Stdout = &limitedWriter{w: &answer, left: maxSecret}
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return "", fmt.Errorf("%s did not end within %s", argv[0], m.patience)
	case errors.Is(err, errTooLong):
		return "", fmt.Errorf("%s printed more than %d bytes", argv[0], maxSecret)
	case err != nil:
		return "", fmt.Errorf("%s failed: %w (run it by hand to see why)", argv[0], err)
	}
	return trimLine(answer.String()), nil
}

var errTooLong = errors.New("config: answer is too long")

// limitedWriter refuses what exceeds its bound.
type limitedWriter struct {
	w    io.Writer
	left int
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	if len(p) > l.left {
		return 0, errTooLong
	}
	l.left -= len(p)
	return l.w.Write(p)
}

// readBounded reads a regular file of at most limit bytes. Anything else, such
// as a pipe, might never end.
func readBounded(path string, limit int64) ([]byte, fs.FileMode, error) {
	before, err := os.Stat(path) // opening a pipe would block
	if err != nil {
		return nil, 0, err
	}
	if !before.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = f.Close() }() // read only: nothing to lose
	after, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, 0, err
	}
	if int64(len(data)) > limit {
		return nil, 0, fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return data, after.Mode(), nil
}

// openToAll tells whether people who are neither owner nor in the group can
// read or write.
func openToAll(mode fs.FileMode) bool {
	return mode.Perm()&0o006 != 0
}

// trimLine takes away the line break that editors put at the end of a file.
func trimLine(text string) string {
	return strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
}
