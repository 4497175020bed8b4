package sqlite

import (
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/search"
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
	text = search.Fold(text)
	condition := `e.type LIKE :search ESCAPE '\' OR text_holds(e.source, :folded) OR json_holds(e.payload, :folded)`
	if couldBeInID(text) {
		condition = `event_id(e.uuid) LIKE :search ESCAPE '\' OR ` + condition
	}
	q.and("("+condition+")", ":search", "%"+likePattern(text)+"%")
	q.args[":folded"] = text
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

// registerFunctions makes event_id(uuid), text_holds(text, folded) and json_holds(json, folded) known to SQL.
func registerFunctions(conn *sqlite.Conn) error {
	for name, f := range map[string]struct {
		args   int
		scalar func(args []sqlite.Value) sqlite.Value
	}{
		"event_id": {1, func(args []sqlite.Value) sqlite.Value {
			var uuid [16]byte
			copy(uuid[:], args[0].Blob())
			return sqlite.TextValue(string(apier.FormatEventID(uuid)))
		}},
		"text_holds": {2, func(args []sqlite.Value) sqlite.Value {
			return boolValue(search.Folded(args[1].Text()).InText(args[0].Text()))
		}},
		"json_holds": {2, func(args []sqlite.Value) sqlite.Value {
			return boolValue(search.Folded(args[1].Text()).InJSON(args[0].Blob()))
		}},
	} {
		if err := conn.CreateFunction(name, &sqlite.FunctionImpl{
			NArgs:         f.args,
			Deterministic: true,
			Scalar:        func(_ sqlite.Context, args []sqlite.Value) (sqlite.Value, error) { return f.scalar(args), nil },
		}); err != nil {
			return wrap("register "+name, err)
		}
	}
	return nil
}

func boolValue(b bool) sqlite.Value {
	if b {
		return sqlite.IntegerValue(1)
	}
	return sqlite.IntegerValue(0)
}
