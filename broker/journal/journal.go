package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sync"
)

// compactAfter is how many lines more than twice what it must say a log may have
// before it is written anew.
const compactAfter = 4096

// The errors of this package. Test them with [errors.Is].
var (
	ErrLocked = errors.New("journal: another process keeps this log") // one process per log
	ErrClosed = errors.New("journal: closed")
	ErrNewer  = errors.New("journal: the log was written by a newer program") // and what it says may mean something else there
)

// Options is what a journal is made of. All but Disk is required.
type Options struct {
	Path string // its directory is made with mode 0700; a lock lies beside it
	Name string // what errors call it: "negative log"
	// Read is called with the body of every sound line, in order, before Open
	// returns, and reports whether it makes sense. The body is valid until then.
	Read func(body []byte) bool
	// All gives the bodies of all that the log must say, for writing it anew. Each
	// is used before the next is asked for. It is called while nothing else is
	// written, and must not call the journal.
	All  func() iter.Seq[[]byte]
	Disk Disk // zero: the real one
}

// Journal is a log on disk. It is safe for concurrent use. Use [Open].
type Journal struct {
	name, path string
	disk       Disk
	all        func() iter.Seq[[]byte]
	locked     io.Closer

	queue sync.Mutex // guards next
	next  *Batch

	writing sync.Mutex // guards the rest, held while writing
	out     File
	lines   int
	suspect bool // a write or sync failed: only a new file can be trusted
	closed  bool
}

// Batch is a group of lines that are written and synced together.
type Batch struct {
	lines []byte
	count int
	done  bool
	err   error
}

// Open reads the log and opens it for what comes; one that does not exist is
// empty. After damage the first commit writes it anew. Errors: [ErrLocked],
// [ErrNewer] and those of the file system.
func Open(o Options) (*Journal, Found, error) {
	if o.Disk.Create == nil {
		o.Disk = osDisk
	}
	if err := os.MkdirAll(filepath.Dir(o.Path), 0o700); err != nil {
		return nil, Found{}, err
	}
	locked, err := lock(o.Path + ".lock")
	if err != nil {
		return nil, Found{}, err
	}
	found, err := readFile(o.Path, o.Read)
	if err != nil {
		return nil, Found{}, errors.Join(fmt.Errorf("read: %w", err), locked.Close())
	}
	out, err := o.Disk.Append(o.Path, found.end)
	if err != nil {
		return nil, Found{}, errors.Join(err, locked.Close())
	}
	return &Journal{
		name: o.Name, path: o.Path, disk: o.Disk, all: o.All, locked: locked,
		out: out, lines: found.Lines, suspect: found.Damaged > 0,
	}, found, nil
}

func readFile(path string, apply func(body []byte) bool) (Found, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Found{}, nil
	}
	if err != nil {
		return Found{}, err
	}
	newest := 0
	found, err := Read(f, func(body []byte) bool {
		if format, ok := formatOf(body); ok {
			newest = max(newest, format)
			return true
		}
		return apply(body)
	})
	if err == nil && newest > Format {
		err = fmt.Errorf("%w: its format is %d, and %d is known here", ErrNewer, newest, Format)
	}
	return found, errors.Join(err, f.Close())
}

// Append adds a line to the batch that goes out next. Lines go out in the order
// in which they were appended. The line with body must not exceed [MaxLine].
func (j *Journal) Append(body []byte) *Batch {
	j.queue.Lock()
	defer j.queue.Unlock()
	if j.next == nil {
		j.next = new(Batch)
	}
	j.next.lines = AppendLine(j.next.lines, body)
	j.next.count++
	return j.next
}

// Commit returns nil when b is on disk, and otherwise the reason why that is not
// sure. The first of the waiting callers writes for all. Errors: [ErrClosed] and
// those of the file system.
func (j *Journal) Commit(b *Batch) error {
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

func (j *Journal) write(b *Batch) error {
	switch {
	case j.closed:
		return ErrClosed
	case j.suspect:
		// What failed before may be lost in the middle of the file; memory has it.
		if err := j.rewrite(); err != nil {
			return err
		}
	}
	if _, err := j.out.Write(b.lines); err != nil {
		j.suspect = true
		return fmt.Errorf("append to %s: %w", j.name, err)
	}
	if err := j.out.Sync(); err != nil {
		// The kernel may have dropped the pages: a second sync would lie.
		j.suspect = true
		return fmt.Errorf("sync %s: %w", j.name, err)
	}
	j.lines += b.count
	return nil
}

// Distrust has the log written anew before anything else is.
func (j *Journal) Distrust() {
	j.writing.Lock()
	defer j.writing.Unlock()
	j.suspect = true
}

// Tidy writes the log anew when it has grown past what it must say, in lines, or
// cannot be trusted.
func (j *Journal) Tidy(must int) error {
	j.writing.Lock()
	defer j.writing.Unlock()
	if j.closed || !j.suspect && j.lines <= 2*must+compactAfter {
		return nil
	}
	return j.rewrite()
}

// rewrite replaces the file by one that says what memory knows. Until the
// directory is synced the old file may come back after a crash, and what was
// appended to the new one would be gone with it: so nothing is acknowledged
// before that.
func (j *Journal) rewrite() error {
	temporary := j.path + ".new"
	out, err := j.disk.Create(temporary)
	if err != nil {
		return fmt.Errorf("rewrite %s: %w", j.name, err)
	}
	lines, err := writeAll(out, j.all())
	if err == nil {
		err = out.Sync()
	}
	if err == nil {
		err = j.disk.Rename(temporary, j.path)
	}
	if err != nil {
		return fmt.Errorf("rewrite %s: %w", j.name, errors.Join(err, out.Close()))
	}
	_ = j.out.Close() // replaced; whatever it could not write is in the new one
	j.out, j.lines, j.suspect = out, lines, true
	if err := j.disk.SyncDir(filepath.Dir(j.path)); err != nil {
		return fmt.Errorf("rewrite %s: %w", j.name, err)
	}
	j.suspect = false
	return nil
}

func writeAll(dst io.Writer, bodies iter.Seq[[]byte]) (lines int, err error) {
	out := bufio.NewWriterSize(dst, 64<<10)
	var line []byte
	for body := range bodies {
		line = AppendLine(line[:0], body)
		if _, err := out.Write(line); err != nil {
			return lines, err
		}
		lines++
	}
	return lines, out.Flush()
}

// Close ends the journal. Callers that wait get [ErrClosed]. It may be called
// twice.
func (j *Journal) Close() error {
	j.writing.Lock()
	defer j.writing.Unlock()
	if j.closed {
		return nil
	}
	j.closed = true
	if err := errors.Join(j.out.Close(), j.locked.Close()); err != nil {
		return fmt.Errorf("close %s: %w", j.name, err)
	}
	return nil
}
