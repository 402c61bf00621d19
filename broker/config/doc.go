// Package config reads the one configuration file of a node and checks it.
//
// [Load] decodes YAML strictly, lays environment variables over it, reads every
// secret from where the file says it is and checks what the values mean. It
// reports every problem at once, each with its line and column. What it returns
// is complete and immutable: nothing after it reads files, environment or flags.
//
//	file ──▶ node tree ◀── BONGSU_… variables
//	            │ decode: unknown and doubled keys, types, positions
//	            ▼
//	          file ──▶ checks and secrets ──▶ Config, or Problems
//
// The package does not create directories, open databases or talk to providers;
// every default stands in defaults.go and every key in deploy/bongsu.example.yaml.
package config
