package sqlite

import (
	"crypto/aes"
	"crypto/rand"
	"encoding/binary"
	"strings"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/apier/apier"
)

// idCipher turns numbers that count over all tenants into ids that do not tell them. An id is one block of AES, so it
// is found again without an index. Numbers of before the cipher keep the ids that were given out then.
type idCipher struct {
	key             [16]byte
	plain           int64 // places in the history up to here are told as they are
	plainRecoveries int64 // likewise, of their numbers
}

// idsOfMeta is a column that scanIDs reads.
const idsOfMeta = "(SELECT ids FROM meta WHERE id = 1)"

func scanIDs(stmt *sqlite.Stmt, column int) (c idCipher) {
	var raw [32]byte
	stmt.ColumnBytes(column, raw[:])
	copy(c.key[:], raw[:16])
	c.plain = int64(binary.BigEndian.Uint64(raw[16:]))
	c.plainRecoveries = int64(binary.BigEndian.Uint64(raw[24:]))
	return c
}

func readIDs(conn *sqlite.Conn) (c idCipher, err error) {
	err = sqlitex.Execute(conn, "SELECT ids FROM meta", &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		c = scanIDs(stmt, 0)
		return nil
	}})
	return c, err
}

// ensureIDs makes the key of a database that has none.
func ensureIDs(conn *sqlite.Conn) error {
	missing, err := exists(conn, "SELECT 1 FROM meta WHERE ids IS NULL")
	if err != nil || !missing {
		return err
	}
	var key [16]byte
	_, _ = rand.Read(key[:]) // never fails
	head, err := sqlitex.ResultInt64(conn.Prep("SELECT seq FROM meta"))
	if err != nil {
		return err
	}
	recoveries, err := sqlitex.ResultInt64(conn.Prep("SELECT coalesce(max(number), 0) FROM recoveries"))
	if err != nil {
		return err
	}
	raw := binary.BigEndian.AppendUint64(key[:], uint64(head))
	return exec(conn, "UPDATE meta SET ids = ? WHERE ids IS NULL", binary.BigEndian.AppendUint64(raw, uint64(recoveries)))
}

// seal returns the 16 bytes of an id: head is told by the id up to plain, and hidden with the number after it.
func (c *idCipher) seal(head [8]byte, number, plain int64) (raw [16]byte) {
	copy(raw[:], head[:])
	binary.BigEndian.PutUint64(raw[8:], uint64(number))
	if number > plain {
		block, _ := aes.NewCipher(c.key[:]) // its length is right
		block.Encrypt(raw[:], raw[:])
	}
	return raw
}

// delivery returns the id of a delivery. It begins with the time of its event as long as it is told as it stands.
func (c *idCipher) delivery(event apier.EventID, number int64) apier.DeliveryID {
	uuid, _ := apier.ParseEventID(string(event)) // stored ones are valid
	return apier.FormatDeliveryID(c.seal([8]byte(uuid[:8]), number, c.plain))
}

func (c *idCipher) recovery(number int64) string {
	id := apier.FormatDeliveryID(c.seal([8]byte{}, number, c.plainRecoveries))
	return recoveryPrefix + strings.TrimPrefix(string(id), "dlv_")
}

// open returns the numbers that an id may hold: as it stands, and hidden.
func (c *idCipher) open(raw [16]byte) (plain, hidden int64) {
	plain = int64(binary.BigEndian.Uint64(raw[8:]))
	block, _ := aes.NewCipher(c.key[:])
	block.Decrypt(raw[:], raw[:])
	return plain, int64(binary.BigEndian.Uint64(raw[8:]))
}
