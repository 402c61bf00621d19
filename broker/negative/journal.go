package negative

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"sync"
)

// compactAfter is how many lines more than twice the facts a log may have
// before it is written anew.
const compactAfter = 4096

var errClosed = errors.New("negative: closed")

// file is what the journal needs of one.
type file interface {
	io.WriteCloser
	Sync() error
}

// disk is where files come from; tests bring one that fails.
type disk struct {
	create  func(path string) (file, error) // empty, for appending
	append  func(path string, size int64) (file, error)
	rename  func(from, to string) error
	syncDir func(path string) error
}

// batch is a group of lines that are written and synced together.
type batch struct {
	lines []byte
	count int
	done  bool
	err   error
}

// journal is the log on disk. Lines go out in the order they were enqueued;
// what many callers enqueue while one sync runs shares the next.
type journal struct {
	path  string
	disk  disk
	state func() iter.Seq[record] // all that the log must say, for writing it anew

	queue sync.Mutex // guards next
	next  *batch

	writing sync.Mutex // guards the rest, held while writing
	out     file
	lines   int
	suspect bool // a write or sync failed: only a new file can be trusted
	closed  bool
}

// enqueue adds a record to the batch that goes out next.
func (j *journal) enqueue(r record) *batch {
	j.queue.Lock()
	defer j.queue.Unlock()
	if j.next == nil {
		j.next = new(batch)
	}
	j.next.lines = appendLine(j.next.lines, r)
	j.next.count++
	return j.next
}

// commit returns when b is on disk, or with the reason why that is not sure.
// The first of the waiting callers writes for all.
func (j *journal) commit(b *batch) error {
	j.writing.Lock()
	defer j.writing.Unlock()
	if b.done {
		return b.err
	}
	j.queue.Lock()
	j.next = nil // it is b: nobody takes a batch without holding writing
	j.queue.Unlock()
	b.err = j.write(b)
	b.done, b.lines = true, nil
	return b.err
}

func (j *journal) write(b *batch) error {
	switch {
	case j.closed:
		return errClosed
	case j.suspect:
		// What failed before may be lost in the middle of the file; memory has it.
		if err := j.rewrite(); err != nil {
			return err
		}
	}
	if _, err := j.out.Write(b.lines); err != nil {
		j.suspect = true
		return fmt.Errorf("append to negative log: %w", err)
	}
	if err := j.out.Sync(); err != nil {
		// The kernel may have dropped the pages: a second sync would lie.
		j.suspect = true
		return fmt.Errorf("sync negative log: %w", err)
	}
	j.lines += b.count
	return nil
}

// tidy writes the log anew when it has grown past its facts or cannot be trusted.
func (j *journal) tidy(facts int) error {
	j.writing.Lock()
	defer j.writing.Unlock()
	if j.closed || !j.suspect && j.lines <= 2*facts+compactAfter {
		return nil
	}
	return j.rewrite()
}

// rewrite replaces the file by one that says what memory knows. Until the
// directory is synced the old file may come back after a crash, and what was
// appended to the new one would be gone with it: so nothing is acknowledged
// before that.
func (j *journal) rewrite() error {
	temporary := j.path + ".new"
	out, err := j.disk.create(temporary)
	if err != nil {
		return fmt.Errorf("rewrite negative log: %w", err)
	}
	lines, err := writeAll(out, j.state())
	if err == nil {
		err = out.Sync()
	}
	if err == nil {
		err = j.disk.rename(temporary, j.path)
	}
	if err != nil {
		return fmt.Errorf("rewrite negative log: %w", errors.Join(err, out.Close()))
	}
	_ = j.out.Close() // replaced; whatever it could not write is in the new one
	j.out, j.lines, j.suspect = out, lines, true
	if err := j.disk.syncDir(filepath.Dir(j.path)); err != nil {
		return fmt.Errorf("rewrite negative log: %w", err)
	}
	j.suspect = false
	return nil
}

func writeAll(dst io.Writer, records iter.Seq[record]) (lines int, err error) {
	out := bufio.NewWriterSize(dst, 64<<10)
	var line []byte
	for r := range records {
		line = appendLine(line[:0], r)
		if _, err := out.Write(line); err != nil {
			return lines, err
		}
		lines++
	}
	return lines, out.Flush()
}

// close ends the journal. Callers that wait get an error.
func (j *journal) close() error {
	j.writing.Lock()
	defer j.writing.Unlock()
	if j.closed {
		return nil
	}
	j.closed = true
	if err := j.out.Close(); err != nil {
		return fmt.Errorf("close negative log: %w", err)
	}
	return nil
}

// osDisk is the real one.
var osDisk = disk{
	create: func(path string) (file, error) {
		return opened(os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600))
	},
	append:  openAppend,
	rename:  os.Rename,
	syncDir: syncDir,
}

// openAppend opens the log for appending behind size, where its last sound line
// ends.
func openAppend(path string, size int64) (file, error) {
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	err = out.Truncate(size)
	if err == nil {
		err = out.Sync()
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return out, nil
}

// opened keeps a nil *os.File from becoming a file that is not nil.
func opened(f *os.File, err error) (file, error) {
	if err != nil {
		return nil, err
	}
	return f, nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
