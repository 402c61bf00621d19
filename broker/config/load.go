package config

import (
	"fmt"
	"path/filepath"
)

// Load reads the configuration file at path, lays the BONGSU_… variables of env
// (as [os.Environ] returns them) over it, reads every secret and checks
// everything. The file is one YAML document of at most 1 MiB; commands that
// print secrets get 10 seconds each.
//
// When the file cannot be read the error is the operating system's. When its
// content is wrong the error is [Problems], all of them.
func Load(path string, env []string) (*Config, error) {
	data, mode, err := readBounded(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	m := machine{dir: dir, env: env, patience: commandPatience}
	return load(path, data, openToAll(mode), env, m)
}

// load is [Load] after the file was read. public tells that everyone on the
// machine can read or change it.
func load(name string, data []byte, public bool, env []string, out outside) (*Config, error) {
	c, err := check(name, data, public, env, out)
	if err != nil {
		return nil, err
	}
	return c.config, nil
}

// check reads and checks everything. What it returns knows where each value stood.
func check(name string, data []byte, public bool, env []string, out outside) (*checker, error) {
	doc, err := parse(name, data)
	if err != nil {
		return nil, err
	}
	doc.overlay(env, out)
	written := defaults()
	doc.decode(&written)

	c := &checker{document: doc, file: &written, outside: out, config: &Config{}}
	c.all()
	if public {
		c.public()
	}
	if len(doc.problems) > 0 {
		return nil, doc.problems.sorted()
	}
	c.config.warned = c.config.warned.sorted()
	return c, nil
}
