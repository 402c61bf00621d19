package snapshot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/bongsu/bongsu/keys/wrap"
)

// Why a file is refused. Test with [errors.Is].
var (
	ErrNone    = errors.New("snapshot: nothing is kept")
	ErrDamaged = errors.New("snapshot: the file is damaged, or was wrapped by another key")
	ErrForeign = errors.New("snapshot: the file is another node's")
	ErrNewer   = errors.New("snapshot: the file was written by a newer program")
	ErrOld     = errors.New("snapshot: the file is too old")
	ErrAhead   = errors.New("snapshot: the file is from the future: one of the clocks is wrong")
	ErrBehind  = errors.New("snapshot: the log of negative facts is older than what was kept beside it")
)

// The bounds of a file, in bytes: its first line, and all of it.
const (
	maxHeader = 1 << 10
	maxFile   = maxHeader + wrap.MaxDocument + 64
)

// format is the version of the files that this program writes.
const format = 1

// header is the first line of a file, in the clear: it says whose the file is. It
// is the context that the rest is wrapped for, byte for byte.
type header struct {
	Format int    `json:"bongsu_snapshot"`
	Kind   string `json:"kind"`
	Issuer string `json:"issuer"`
	Site   string `json:"site"`
	Node   string `json:"node"`
}

// envelope is what is wrapped: what the store said, and when it said so last.
type envelope struct {
	At        int64           `json:"at"`        // Unix microseconds
	Watermark int64           `json:"watermark"` // of the negative facts known here then
	FactsRead int64           `json:"facts"`     // when they were last read to their end, Unix microseconds; 0: nobody knows
	Data      json.RawMessage `json:"data"`
}

// pack returns the bytes of a file.
func pack(h header, key *wrap.Key, e envelope) ([]byte, error) {
	first, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode header: %w", err)
	}
	plain, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode snapshot: %w", err)
	}
	wrapped, err := key.WrapDocument(string(first), plain)
	if err != nil {
		return nil, err
	}
	return append(append(first, '\n'), wrapped...), nil
}

// unpack reads what [pack] wrote for want. ErrNewer, ErrForeign, ErrDamaged.
func unpack(file []byte, want header, key *wrap.Key) (envelope, error) {
	first, wrapped, ok := bytes.Cut(file, []byte("\n"))
	if !ok || len(first) > maxHeader {
		return envelope{}, ErrDamaged
	}
	var h header
	if err := json.Unmarshal(first, &h); err != nil || h.Format < 1 {
		return envelope{}, ErrDamaged
	}
	switch {
	case h.Format > format:
		return envelope{}, fmt.Errorf("%w: its format is %d, and %d is known here", ErrNewer, h.Format, format)
	case h != want:
		return envelope{}, fmt.Errorf("%w: %s of %s/%s at %s", ErrForeign, clip(h.Kind), clip(h.Site), clip(h.Node), clip(h.Issuer))
	}
	plain, err := key.UnwrapDocument(string(first), wrapped)
	if err != nil {
		return envelope{}, ErrDamaged
	}
	var e envelope
	if err := decode(plain, &e); err != nil {
		return envelope{}, err
	}
	if e.At <= 0 || e.Watermark < 0 || e.FactsRead < 0 {
		return envelope{}, ErrDamaged
	}
	return e, nil
}

// clip bounds what an error repeats of a file that nobody vouches for.
func clip(text string) string {
	const most = 64
	if len(text) > most {
		text = text[:most]
	}
	return fmt.Sprintf("%q", text)
}

// decode reads one JSON value and nothing behind it. A field that is not known here
// may be the one that keeps people safe: it is a newer program's.
func decode(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		if json.Unmarshal(text, into) == nil {
			return fmt.Errorf("%w: %w", ErrNewer, err)
		}
		return ErrDamaged // no word of the text
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return ErrDamaged
	}
	return nil
}

// age checks how long ago the store said what e holds.
func (e envelope) age(now time.Time, most time.Duration) (time.Duration, error) {
	const leeway = 5 * time.Minute // a clock that was set right meanwhile
	age := now.Sub(time.UnixMicro(e.At))
	switch {
	case age < -leeway:
		return 0, fmt.Errorf("%w: it was kept %s from now", ErrAhead, (-age).Round(time.Second))
	case age > most:
		return age, fmt.Errorf("%w: it was kept %s ago, and snapshot.max_age is %s", ErrOld, age.Round(time.Minute), most)
	}
	return max(age, 0), nil
}

// readFile returns a file of at most maxFile bytes. ErrNone.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, fmt.Errorf("open snapshot: %w", err)
	}
	defer func() { _ = f.Close() }() // read only: nothing to lose
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	if len(text) > maxFile {
		return nil, ErrDamaged
	}
	return text, nil
}

// writeFile puts text in the place of the file at path, all of it or nothing of it,
// and returns when the disk has it.
func writeFile(path string, text []byte) error {
	temporary := path + ".new"
	out, err := os.OpenFile(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
