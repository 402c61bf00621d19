package journal

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// File is what a journal needs of one.
type File interface {
	io.WriteCloser
	Sync() error
}

// Disk is where files come from; tests bring one that fails.
type Disk struct {
	Create  func(path string) (File, error)             // empty, for appending
	Append  func(path string, size int64) (File, error) // cut to size, for appending
	Rename  func(from, to string) error
	SyncDir func(path string) error
}

// osDisk is the real one.
var osDisk = Disk{
	Create: func(path string) (File, error) {
		return opened(os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600))
	},
	Append:  openAppend,
	Rename:  os.Rename,
	SyncDir: syncDir,
}

// openAppend opens the log for appending behind size, where its last sound line
// ends.
func openAppend(path string, size int64) (File, error) {
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
func opened(f *os.File, err error) (File, error) {
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
