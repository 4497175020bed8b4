package sqlite

import (
	"crypto/rand"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

//go:embed schema/*.sql
var schema embed.FS //nolint:gochecknoglobals // go:embed needs a variable

// migrate applies the scripts of schema/ that the database has not seen, in the order of their
// numbers, each in a transaction. PRAGMA user_version is the number of the last one.
func migrate(conn *sqlite.Conn) error {
	scripts, err := fs.Glob(schema, "schema/*.sql") // sorted by name
	if err != nil {
		return fmt.Errorf("find migrations: %w", err)
	}
	version, err := schemaVersion(conn)
	if err != nil {
		return err
	}
	if version > len(scripts) {
		return fmt.Errorf("the database has schema version %d, this program knows %d at most: "+
			"it was written by a newer version of apier; run that one", version, len(scripts))
	}
	for i := version; i < len(scripts); i++ {
		if err := applyScript(conn, scripts[i], i+1); err != nil {
			return fmt.Errorf("migrate to schema version %d: %w", i+1, err)
		}
	}
	if err := ensureEpoch(conn); err != nil {
		return err
	}
	return ensureIDs(conn)
}

func schemaVersion(conn *sqlite.Conn) (int, error) {
	version, err := sqlitex.ResultInt(conn.Prep("PRAGMA user_version"))
	if err != nil {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	return version, nil
}

func applyScript(conn *sqlite.Conn, name string, version int) (err error) {
	script, err := schema.ReadFile(name)
	if err != nil {
		return err
	}
	end, err := sqlitex.ImmediateTransaction(conn)
	if err != nil {
		return err
	}
	defer end(&err)
	// Another process may have been faster while this one waited for the lock.
	current, err := schemaVersion(conn)
	if err != nil || current >= version {
		return err
	}
	if err := sqlitex.ExecuteScript(conn, string(script), nil); err != nil {
		return err
	}
	return sqlitex.ExecuteTransient(conn, fmt.Sprintf("PRAGMA user_version = %d", version), nil)
}

// ensureEpoch names a new history.
func ensureEpoch(conn *sqlite.Conn) error {
	return exec(conn, "INSERT INTO meta (id, epoch) VALUES (1, ?) ON CONFLICT DO NOTHING", randomName())
}

func randomName() string {
	var random [6]byte
	_, _ = rand.Read(random[:]) // never fails
	return hex.EncodeToString(random[:])
}
