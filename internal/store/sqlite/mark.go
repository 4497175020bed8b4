package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"strconv"

	"github.com/apier/apier"
)

// markSuffix names the file of the mark beside the database.
const markSuffix = "-mark"

// MarkPath returns the file that says how far the database at path has come.
func MarkPath(path string) string { return path + markSuffix }

// markState says who wrote the mark.
type markState string

const (
	markRunning  markState = "running " // a program has the database open, or was killed
	markClosed   markState = "closed  " // the database was closed in order
	markBackup   markState = "backup  " // a copy that no program has opened
	markRestored markState = "restored" // a copy that a program has opened, and no server has started on
)

// markRecord is what a mark says. Commits only grows within an epoch.
type markRecord struct {
	epoch   string
	commits int64
	state   markState
	at      apier.Timestamp // of a copy: when it was made
}

// A mark has two records, written in turns: a power loss in the middle of one leaves the other. slotSize holds both
// apart; each is text, so that people can read it.
const (
	slotSize   = 128
	markFormat = "apier-mark 1 %s commits %020d %s %015d "
)

func (r markRecord) append(dst []byte) []byte {
	begin := len(dst)
	dst = fmt.Appendf(dst, markFormat, r.epoch, r.commits, r.state, int64(r.at))
	return fmt.Appendf(dst, "%08x\n", crc32.Checksum(dst[begin:], castagnoli()))
}

// parseMark reads one record; ok is false where it is damaged or was never written.
func parseMark(raw []byte) (r markRecord, ok bool) {
	const fixed = len("apier-mark 1 ") + 12 + len(" commits ") + 20 + 1 + 8 + 1 + 15 + 1
	if len(raw) < fixed+8 {
		return markRecord{}, false
	}
	sum, err := strconv.ParseUint(string(raw[fixed:fixed+8]), 16, 32)
	if err != nil || uint32(sum) != crc32.Checksum(raw[:fixed], castagnoli()) {
		return markRecord{}, false
	}
	text := string(raw[:fixed])
	commits, err1 := strconv.ParseInt(text[34:54], 10, 64)
	at, err2 := strconv.ParseInt(text[64:79], 10, 64)
	r = markRecord{epoch: text[13:25], commits: commits, state: markState(text[55:63]), at: apier.Timestamp(at)}
	return r, err1 == nil && err2 == nil
}

// afterCopy returns the state of a copy once a program has opened it.
func (r markRecord) afterCopy() markState {
	if r.state == markBackup {
		return markRestored
	}
	return r.state
}

// markFile is an open mark.
type markFile struct {
	file  *os.File
	info  os.FileInfo
	state markState
	at    apier.Timestamp
	buf   []byte
}

// readMark returns the later of the two records. damaged: one of them, or both, cannot be read.
func readMark(path string) (r markRecord, found, damaged bool, err error) {
	raw, err := os.ReadFile(MarkPath(path))
	if errors.Is(err, fs.ErrNotExist) {
		return markRecord{}, false, false, nil
	}
	if err != nil {
		return markRecord{}, false, false, fmt.Errorf("read the mark: %w", err)
	}
	damaged = len(raw) != 2*slotSize
	for slot := range 2 {
		one, ok := parseMark(raw[min(slot*slotSize, len(raw)):])
		damaged = damaged || !ok
		if ok && (!found || one.commits > r.commits) {
			r, found = one, true
		}
	}
	return r, found, damaged, nil
}

// createMark makes the file anew with both records alike, and forces it to the disk: that is done once at each start.
func createMark(path string, r markRecord) (*markFile, error) {
	file, err := os.OpenFile(MarkPath(path), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	m := &markFile{file: file, state: r.state, at: r.at}
	err = m.setBoth(r)
	if err = errors.Join(err, file.Truncate(2*slotSize), file.Sync()); err == nil {
		m.info, err = file.Stat()
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return m, nil
}

func (m *markFile) setBoth(r markRecord) error {
	both := bytes.Repeat([]byte(" "), 2*slotSize)
	for slot := range 2 {
		copy(both[slot*slotSize:], r.append(nil))
		both[(slot+1)*slotSize-1] = '\n'
	}
	_, err := m.file.WriteAt(both, 0)
	return err
}

// joinMark opens the mark that another process may hold as well.
func joinMark(path string, r markRecord) (*markFile, error) {
	file, err := os.OpenFile(MarkPath(path), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &markFile{file: file, info: info, state: r.state, at: r.at}, nil
}

// set notes a commit. It is not forced to the disk: after a power loss the mark may lag behind the database, never lead.
// What another process noted meanwhile stands in the other record, or is the same.
func (m *markFile) set(epoch string, commits int64) error {
	m.buf = markRecord{epoch: epoch, commits: commits, state: m.state, at: m.at}.append(m.buf[:0])
	_, err := m.file.WriteAt(m.buf, commits%2*slotSize)
	return err
}

// inPlace reports whether the mark is still the file at its path.
func (m *markFile) inPlace(path string) bool {
	info, err := os.Stat(MarkPath(path))
	return err == nil && os.SameFile(info, m.info)
}

func (m *markFile) close() error {
	if m == nil {
		return nil
	}
	return m.file.Close()
}

// castagnoli returns the table of CRC-32C, which processors compute themselves.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }
