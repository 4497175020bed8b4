package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// examination is what a database and its mark say before anything is written.
type examination struct {
	mark      markRecord
	marked    bool // there is a mark, and at least one of its records can be read
	damaged   bool // a record of the mark cannot be read
	epoch     string
	commits   int64
	isNew     bool // there is no database yet
	oldSchema bool // the database was written by a program that kept no mark
	lost      bool // the operator goes on without what is lost
}

// LostError says that the database lacks commits that were answered.
type LostError struct {
	Path   string
	Token  string // what --accept-loss takes to go on without them
	Reason string
}

func (e *LostError) Error() string {
	return fmt.Sprintf("%s %s. Nothing was changed. Put back what is missing, or start on a backup (apier backup). "+
		"To go on without what is lost, keep a copy of the directory and start once with --accept-loss=%s", e.Path, e.Reason, e.Token)
}

// examine compares the database with its mark. It opens it for reading alone: where commits are lost, the log that
// may still hold them stays as it was found.
func examine(ctx context.Context, path, accepted string) (x examination, err error) {
	if x.mark, x.marked, x.damaged, err = readMark(path); err != nil {
		return x, err
	}
	size, err := sizeOf(path)
	if err != nil {
		return x, err
	}
	if size == 0 {
		x.isNew = true
		return x, x.examineNothing(path, accepted)
	}
	if err := x.readHead(ctx, path); err != nil {
		return x, err
	}
	return x, x.compare(path, accepted)
}

// sizeOf returns the size of a file, 0 where there is none.
func sizeOf(path string) (int64, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// examineNothing refuses to begin anew where a database was.
func (x *examination) examineNothing(path, accepted string) error {
	wal, err := sizeOf(path + "-wal")
	switch {
	case err != nil:
		return err
	case x.damaged && !x.marked:
		return x.refuse(path, accepted, "new", "is missing or empty, and a damaged mark of it is there")
	case x.marked:
		return x.refuse(path, accepted, strconv.FormatInt(x.mark.commits, 10),
			fmt.Sprintf("is missing or empty, and its mark says that %d commits were made", x.mark.commits))
	case wal > 0:
		return x.refuse(path, accepted, "new", "is missing or empty, and its write-ahead log is there")
	}
	return nil
}

// readHead reads how far the database has come, its write-ahead log included.
func (x *examination) readHead(ctx context.Context, path string) error {
	err := x.readHeadBy(ctx, path, sqlite.OpenReadOnly)
	if err == nil || !isNoRoom(err) {
		return err
	}
	wal, walErr := sizeOf(path + "-wal")
	switch {
	case walErr != nil:
		return errors.Join(err, walErr)
	case wal == 0: // nothing but the file itself, which nobody else has open
		return x.readHeadBy(ctx, "file:"+escapeURI(path)+"?immutable=1", sqlite.OpenReadOnly|sqlite.OpenURI)
	}
	return x.readHeadBy(ctx, withoutRoom(path), sqlite.OpenReadWrite|sqlite.OpenURI)
}

func (x *examination) readHeadBy(ctx context.Context, address string, flags sqlite.OpenFlags) (err error) {
	conn, err := sqlite.OpenConn(address, flags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	conn.SetBusyTimeout(busyTimeout)
	conn.SetInterrupt(ctx.Done())
	columns, err := metaColumns(conn)
	if err != nil {
		return err
	}
	if x.oldSchema = !columns["commits"]; x.oldSchema {
		return x.readOldHead(conn, columns)
	}
	return sqlitex.Execute(conn, "SELECT epoch, commits FROM meta", &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		x.epoch, x.commits = stmt.ColumnText(0), stmt.ColumnInt64(1)
		return nil
	}})
}

func (x *examination) readOldHead(conn *sqlite.Conn, columns map[string]bool) error {
	if !columns["epoch"] { // a start that came no further
		return nil
	}
	position, err := readPosition(conn)
	x.epoch = position.epoch
	return err
}

// metaColumns returns the columns of the table meta; none where there is no such table yet.
func metaColumns(conn *sqlite.Conn) (map[string]bool, error) {
	columns := map[string]bool{}
	err := sqlitex.Execute(conn, "SELECT name FROM pragma_table_info('meta')", &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		columns[stmt.ColumnText(0)] = true
		return nil
	}})
	return columns, err
}

func (x *examination) compare(path, accepted string) error {
	token := strconv.FormatInt(x.mark.commits, 10)
	switch {
	case !x.marked:
		return nil
	case x.mark.epoch != x.epoch:
		return x.refuse(path, accepted, token, "is another database than the one that was here: its history is "+strconv.Quote(x.epoch)+
			", and the mark is of "+strconv.Quote(x.mark.epoch))
	case x.commits < x.mark.commits:
		return x.refuse(path, accepted, token, fmt.Sprintf("has lost commits: it stands at commit %d, and %d were answered. "+
			"The write-ahead log was damaged, cut or removed, or an older copy was put in its place", x.commits, x.mark.commits))
	case x.mark.state == markBackup:
		wal, err := sizeOf(path + "-wal")
		if err != nil || wal == 0 {
			return err
		}
		return fmt.Errorf("%s is a backup, and %s-wal is the write-ahead log of another database: remove it before the start, or it will damage the backup", path, path)
	}
	return nil
}

func (x *examination) refuse(path, accepted, token, reason string) error {
	if accepted == token {
		x.lost = true
		return nil
	}
	return &LostError{Path: path, Token: token, Reason: reason}
}

// beginCommits returns the history's name and the number of its latest commit. The number never steps back, so that an
// --accept-loss that was left in place means nothing any more.
func beginCommits(conn *sqlite.Conn, x examination) (epoch string, commits int64, err error) {
	if x.lost {
		if err := exec(conn, "UPDATE meta SET commits = max(commits, ?) + 1", x.mark.commits); err != nil {
			return "", 0, err
		}
	}
	err = sqlitex.Execute(conn, "SELECT epoch, commits FROM meta", &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		epoch, commits = stmt.ColumnText(0), stmt.ColumnInt64(1)
		return nil
	}})
	return epoch, commits, err
}

// warn tells what was found, and what it means.
func (s *Store) warn(x examination, path string) {
	log := s.options.Log
	switch {
	case x.lost:
		log.Warn("store: going on without what is lost, as --accept-loss says; clients are told to fetch anew",
			"database", path, "stands_at", x.commits, "answered", x.mark.commits)
	case x.marked && (x.mark.state == markBackup || x.mark.state == markRestored):
		log.Warn("store: this is a backup; what was stored after it was made is not in it, and clients that saw it are told to fetch anew",
			"database", path, "made_at", x.mark.at.String())
	case !x.marked && !x.isNew && !x.oldSchema && x.commits > 0:
		log.Warn("store: the mark is missing or damaged, so nobody can say whether the latest commits are all there; a new one is made. Compare with the senders, or start on a backup",
			"database", path, "mark", MarkPath(path), "stands_at", x.commits)
	case x.marked && x.damaged:
		log.Warn("store: one of two records of the mark is damaged; the last commit may be missing. The disk may be failing: run apier check",
			"database", path, "mark", MarkPath(path), "stands_at", x.commits)
	}
}

// openMark begins to note commits. The server, which owns the database, begins the mark anew at each start.
func (s *Store) openMark(path string, x examination) (err error) {
	if s.options.Exclusive || !x.marked || x.damaged || x.lost || x.mark.state == markBackup {
		r := markRecord{epoch: s.epoch, commits: s.commits, state: markRunning}
		if x.marked && !s.options.Exclusive {
			r.state, r.at = x.mark.afterCopy(), x.mark.at
		}
		s.mark, err = createMark(path, r)
		return err
	}
	s.mark, err = joinMark(path, x.mark) // beside a server, perhaps, which notes its commits meanwhile
	return err
}

// noted keeps a commit in the mark. Where that fails, damage to this commit would not be noticed; it is stored all the
// same.
func (s *Store) noted(commits int64) {
	s.commits = commits
	if s.mark == nil {
		return
	}
	if err := s.mark.set(s.epoch, commits); err != nil {
		s.options.Log.Warn("store: a commit is not noted in the mark; should the write-ahead log be damaged, its loss would not be noticed", "cause", err)
	}
}

// keepMark makes the mark anew where somebody removed or replaced it.
func (s *Store) keepMark() {
	path := s.files[0].path
	if s.mark != nil && s.mark.inPlace(path) {
		return
	}
	s.options.Log.Warn("store: the mark was removed or replaced; it is made anew", "mark", MarkPath(path))
	old := s.mark
	made, err := createMark(path, markRecord{epoch: s.epoch, commits: s.commits, state: markRunning})
	if err != nil {
		s.options.Log.Warn("store: the mark cannot be written", "cause", err)
		return
	}
	s.mark = made
	_ = old.close()
}

// endMark notes that the server closed the database in order, and lets go of the mark.
func (s *Store) endMark() error {
	if s.mark == nil {
		return nil
	}
	var err error
	if s.options.Exclusive {
		err = s.mark.setBoth(markRecord{epoch: s.epoch, commits: s.commits, state: markClosed})
	}
	return errors.Join(err, s.mark.close())
}
