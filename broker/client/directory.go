package client

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// Owner says where a client is registered, and so where it is changed.
type Owner string

// The owners of clients.
const (
	OwnerFile  Owner = "file"  // the configuration file of every node
	OwnerStore Owner = "store" // the store, through operators' commands
)

// Directory is the set of clients as it is now: those of the configuration file
// and those of the store. Each change swaps the whole set at once, so that a
// request sees the old one or the new one. It is safe for concurrent use, and
// reading it takes no lock.
//
// The file wins: a client of the store whose id or tag is also that of a client
// of the file is left out for as long as that is so.
type Directory struct {
	opts    []Option
	current atomic.Pointer[snapshot]
	sure    atomic.Pointer[func() error]

	mu     sync.Mutex // one change at a time
	file   []*Client
	stored []*Client
}

// snapshot is one state of a directory.
type snapshot struct {
	all  *Registry
	file map[string]bool // ids of the clients of the file
}

// NewDirectory returns an empty directory.
func NewDirectory(opts ...Option) *Directory {
	d := &Directory{opts: opts}
	d.current.Store(&snapshot{all: newRegistry(collect(opts))})
	return d
}

// SetFile makes clients those of the configuration file. It refuses what
// [NewRegistry] refuses, and then nothing has changed.
func (d *Directory) SetFile(clients []*Client) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	next, _, err := d.build(clients, d.stored)
	if err != nil {
		return err
	}
	d.file = slices.Clone(clients)
	d.current.Store(next)
	return nil
}

// SetStored makes clients those of the store. One that cannot be taken, because
// it does not validate or the file has its id, is left out and named in the
// answer; the others count.
func (d *Directory) SetStored(clients []*Client) (left []error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	next, left, err := d.build(d.file, clients)
	if err != nil { // the file's were accepted before
		return append(left, err)
	}
	d.stored = slices.Clone(clients)
	d.current.Store(next)
	return left
}

func (d *Directory) build(file, stored []*Client) (next *snapshot, left []error, err error) {
	all, err := NewRegistry(file, d.opts...)
	if err != nil {
		return nil, nil, err
	}
	next = &snapshot{all: all, file: make(map[string]bool, len(file))}
	for _, c := range file {
		next.file[c.ID] = true
	}
	o := collect(d.opts)
	for _, c := range stored {
		err := c.Validate(d.opts...)
		if err == nil {
			err = all.add(c.complete(o))
		} else {
			err = fmt.Errorf("client %q: %w", c.ID, err)
		}
		if err != nil {
			left = append(left, err)
		}
	}
	return next, left, nil
}

// Client returns the client with that id.
func (d *Directory) Client(id string) (*Client, bool) { return d.current.Load().all.Client(id) }

// ByTag returns the client with that tag.
func (d *Directory) ByTag(tag string) (*Client, bool) { return d.current.Load().all.ByTag(tag) }

// All returns the clients, those of the file first and each part in the order it
// was given. The caller owns the slice.
func (d *Directory) All() []*Client { return d.current.Load().all.All() }

// OriginAllowed reports whether a page of origin may call us across origins
// for some client.
func (d *Directory) OriginAllowed(origin string) bool {
	return d.current.Load().all.OriginAllowed(origin)
}

// Complete returns nil if a client that is not here is registered nowhere, and
// otherwise why nobody knows: "could not check" is no "unknown client" (P5).
func (d *Directory) Complete() error {
	if sure := d.sure.Load(); sure != nil {
		return (*sure)()
	}
	return nil
}

// CompleteBy makes sure what [Directory.Complete] asks.
func (d *Directory) CompleteBy(sure func() error) { d.sure.Store(&sure) }

// Owner returns where the client with that id is registered; ok is false if
// nowhere.
func (d *Directory) Owner(id string) (owner Owner, ok bool) {
	s := d.current.Load()
	if s.file[id] {
		return OwnerFile, true
	}
	if _, ok := s.all.Client(id); ok {
		return OwnerStore, true
	}
	return "", false
}
