package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"github.com/apier/apier"
)

// readStrict reads a JSON object of at most limit bytes into a struct. A field that is unknown or of
// another kind is refused by its name.
func readStrict(c *call, limit int, into any) error {
	body, err := readBody(c, limit)
	if err != nil {
		return err
	}
	return decodeStrict(body, into)
}

// readOptional is readStrict for requests whose body may be left out.
func readOptional(c *call, into any) error {
	body, err := readBody(c, envelopeSize+apier.MaxFilterSize)
	if err != nil || len(bytes.TrimSpace(body)) == 0 {
		return err
	}
	return decodeStrict(body, into)
}

func decodeStrict(body []byte, into any) error {
	if err := checkJSON(body); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong):
		if wrong.Field == "" {
			return invalid([]apier.FieldError{{Field: "body", Reason: "must be a JSON object"}})
		}
		return invalid([]apier.FieldError{{Field: wrong.Field, Reason: "must not be a " + wrong.Value}})
	}
	if name, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
		return invalid([]apier.FieldError{{Field: strings.Trim(name, `"`), Reason: "is not a field here"}})
	}
	return invalid([]apier.FieldError{{Field: "body", Reason: "cannot be read: a value has the wrong form"}})
}
