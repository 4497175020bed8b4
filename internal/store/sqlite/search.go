package sqlite

import (
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/apier/apier"
)

// resolveSearch looks for a part of the id, type, source or payload. A whole id that exists finds its
// event alone, at once; all else reads event by event, newest first.
func (q *listQuery) resolveSearch(conn *sqlite.Conn) error {
	text := q.filter.Search
	if text == "" {
		return nil
	}
	if len(text) > maxSearch {
		return apier.Errorf(apier.CodeInvalid, "A search has at most %d bytes.", maxSearch)
	}
	id := apier.EventID(strings.ToLower(text))
	if uuid, ok := apier.ParseEventID(string(id)); ok {
		_, err := findEvent(conn, q.tenant.id, id)
		if err == nil {
			q.and("e.uuid = :uuid", ":uuid", uuid[:])
			return nil
		}
		if apier.AsError(err).Code != apier.CodeNotFound {
			return err
		}
	}
	condition := `e.type LIKE :search ESCAPE '\' OR e.source LIKE :search ESCAPE '\'` +
		` OR CAST(e.payload AS TEXT) LIKE :search ESCAPE '\'`
	if couldBeInID(text) {
		condition = `event_id(e.uuid) LIKE :search ESCAPE '\' OR ` + condition
	}
	q.and("("+condition+")", ":search", "%"+likePattern(text)+"%")
	return nil
}

// likePattern makes all characters stand for themselves in LIKE, which folds the case of ASCII letters.
func likePattern(text string) string {
	return strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(text)
}

// couldBeInID spares most searches the making of each event's id.
func couldBeInID(text string) bool {
	if len(text) > len(apier.EventIDPrefix)+26 {
		return false
	}
	return !strings.ContainsFunc(strings.ToLower(text), func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
	})
}

// registerEventID makes event_id(uuid) known to SQL.
func registerEventID(conn *sqlite.Conn) error {
	return wrap("register event_id", conn.CreateFunction("event_id", &sqlite.FunctionImpl{
		NArgs:         1,
		Deterministic: true,
		Scalar: func(_ sqlite.Context, args []sqlite.Value) (sqlite.Value, error) {
			var uuid [16]byte
			copy(uuid[:], args[0].Blob())
			return sqlite.TextValue(string(apier.FormatEventID(uuid))), nil
		},
	}))
}
