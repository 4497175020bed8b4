package sqlite

import (
	"fmt"
	"os"
)

// openFile is a file as it stood at its path when it was opened. SQLite writes on when it is removed, or another put
// in its place: what is committed then is gone with the process.
type openFile struct {
	path string
	info os.FileInfo
}

// filesOf gives the open database and its write-ahead log.
func filesOf(path string) (files []openFile, err error) {
	for _, path := range []string{path, path + "-wal"} {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		files = append(files, openFile{path, info})
	}
	return files, nil
}

// inPlace fails where the next start would not find what is committed now.
func (s *Store) inPlace() error {
	for _, f := range s.files {
		if info, err := os.Stat(f.path); err != nil || !os.SameFile(info, f.info) {
			return fmt.Errorf("%w (%s was removed or replaced while the server runs on it: put back the one that was there, or restart the server on what is there now)",
				errNothingStored(), f.path)
		}
	}
	return nil
}

// errStepsBack is of a database whose history is shorter than it was a moment ago.
func errStepsBack(path string) error {
	return fmt.Errorf("%w (%s was overwritten while the server runs on it: stop the server, and start it on a backup)", errNothingStored(), path)
}
