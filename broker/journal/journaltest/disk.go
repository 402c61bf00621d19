// Package journaltest has the disk on which logs are tested: real files, without
// syncs, where single operations fail.
package journaltest

import (
	"errors"
	"os"
	"sync"

	"github.com/bongsu/bongsu/broker/journal"
)

// Disk is the real one without syncs. The zero value fails nothing. Its fields
// are changed by [Disk.Set] while a journal uses it.
type Disk struct {
	mu sync.Mutex

	Write, Sync, Rename, SyncDir error // what each operation fails with
	Short                        int   // bytes that a failing write gets onto the disk

	Writes, Syncs int // how often each was tried

	// Step, if set, is called after every operation that may have changed the disk.
	Step func()
}

// ErrFull is what a full disk says in [Failures].
var ErrFull = errors.New("no space left on device")

// Failures are the ways in which a disk takes no entry, by name, for [Disk.Set];
// [Disk.Mend] ends any of them.
func Failures() map[string]func(*Disk) {
	return map[string]func(*Disk){
		"a write fails":          func(d *Disk) { d.Write = ErrFull },
		"a write fails half way": func(d *Disk) { d.Write, d.Short = ErrFull, 25 },
		"a sync fails":           func(d *Disk) { d.Sync = ErrFull },
	}
}

// Mend has the disk fail no more.
func (d *Disk) Mend() {
	d.Set(func(d *Disk) { d.Write, d.Sync, d.Rename, d.SyncDir, d.Short = nil, nil, nil, nil, 0 })
}

// Set changes the disk under its lock.
func (d *Disk) Set(change func(d *Disk)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

// Disk is what a journal takes.
func (d *Disk) Disk() journal.Disk {
	return journal.Disk{
		Create: func(path string) (journal.File, error) {
			return d.open(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0)
		},
		Append: func(path string, size int64) (journal.File, error) {
			return d.open(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, size)
		},
		Rename: func(from, to string) error {
			d.mu.Lock()
			defer d.mu.Unlock()
			defer d.step()
			if d.Rename != nil {
				return d.Rename
			}
			return os.Rename(from, to)
		},
		SyncDir: func(string) error {
			d.mu.Lock()
			defer d.mu.Unlock()
			defer d.step()
			return d.SyncDir
		},
	}
}

func (d *Disk) open(path string, flags int, size int64) (journal.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.step()
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, err
	}
	return file{f, d}, f.Truncate(size)
}

func (d *Disk) step() {
	if d.Step != nil {
		d.Step()
	}
}

type file struct {
	*os.File

	d *Disk
}

// Write implements [journal.File].
func (f file) Write(p []byte) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	defer f.d.step()
	f.d.Writes++
	if f.d.Write != nil {
		n, err := f.File.Write(p[:min(f.d.Short, len(p))])
		return n, errors.Join(f.d.Write, err)
	}
	return f.File.Write(p)
}

// Sync implements [journal.File].
func (f file) Sync() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	defer f.d.step()
	f.d.Syncs++
	return f.d.Sync
}
