package strictjson

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestNamesAreExact(t *testing.T) {
	t.Parallel()
	o, err := Decode([]byte(` {"SCOPE":"admin","ſcope":"admin","Scope":1,"\u0053cope ":2} `))
	if err != nil {
		t.Fatal(err)
	}
	if text, ok, err := o.Text("scope"); ok || err != nil {
		t.Errorf("scope is %q, %v", text, err)
	}
	o, err = Decode([]byte(`{"\u0073cope":"a\u00fc\ud83d\ude00"}`)) // an escape is the character
	if text, ok, _ := o.Text("scope"); err != nil || !ok || text != "aü😀" {
		t.Errorf("got %q, %v", text, err)
	}
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return `{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}` }
	var many strings.Builder
	for i := range 100 {
		many.WriteString(`"` + strings.Repeat("n", i) + `":0,`)
	}
	for text, want := range map[string]error{
		`{}`: nil, `{"a":{"b":1},"c":{"b":1},"A":1}`: nil, `{"a":[{"b":1},{"b":1}]}`: nil, deep(MaxDepth - 1): nil,
		deep(MaxDepth): ErrTooDeep, deep(9000): ErrTooDeep,
		`{"a":1,"a":2}`: &DuplicateError{"a"}, `{"a":1,"\u0061":2}`: &DuplicateError{"a"},
		`{"x":[{"y":{"a":1,"b":[],"a":1}}]}`:       &DuplicateError{"a"},
		`{` + many.String() + `"x":{},"nnnnn":[]}`: &DuplicateError{"nnnnn"},
		``: ErrSyntax, `{"a":1} {}`: ErrSyntax, `{"a":1}x`: ErrSyntax, `{"a":1,}`: ErrSyntax, "{\"\xff\":1}": ErrSyntax,
		`[]`: ErrNoObject, `null`: ErrNoObject, `"{}"`: ErrNoObject, `1`: ErrNoObject,
	} {
		_, err := Decode([]byte(text))
		var duplicate, wanted *DuplicateError
		if errors.As(want, &wanted) {
			if !errors.As(err, &duplicate) || *duplicate != *wanted {
				t.Errorf("%.60s: got %v, want %v", text, err, want)
			}
		} else if !errors.Is(err, want) {
			t.Errorf("%.60s: got %v, want %v", text, err, want)
		}
	}
}

func TestMembersAreReadByTheirKind(t *testing.T) {
	t.Parallel()
	o, err := Decode([]byte(`{"n":null,"s":"x","e":"","a":["x","y"],"none":[],"mixed":["x",1],"nulls":[null],"half":"\ud800","halves":["\udfff"],"i":1}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"n", "missing"} {
		_, ok, err := o.Text(name)
		_, many, errs := o.Texts(name)
		if ok || many || err != nil || errs != nil {
			t.Errorf("%s: %v %v %v %v", name, ok, many, err, errs)
		}
	}
	if text, ok, err := o.Text("e"); text != "" || !ok || err != nil {
		t.Errorf("an empty string: %q %v %v", text, ok, err)
	}
	if texts, ok, err := o.Texts("none"); texts == nil || len(texts) != 0 || !ok || err != nil {
		t.Errorf("an empty array: %v %v %v", texts, ok, err)
	}
	if texts, ok, err := o.Texts("a"); strings.Join(texts, " ") != "x y" || !ok || err != nil {
		t.Errorf("an array: %v %v %v", texts, ok, err)
	}
	for _, name := range []string{"i", "a", "half"} {
		if _, ok, err := o.Text(name); ok || err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s as a string: %v %v", name, ok, err)
		}
	}
	for _, name := range []string{"i", "s", "mixed", "nulls", "halves"} {
		if _, ok, err := o.Texts(name); ok || err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s as an array: %v %v", name, ok, err)
		}
	}
}

// FuzzDecode compares with encoding/json: what Decode accepts has the same members there, in a map.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{"a":1}`, `{"a":{"b":[1,2,{"c":"\"}"}]},"d":""}`, `{"a":1,"a":2}`, ` [ ] `, `{"x" : -1.5e3 , "y":"\\"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		o, err := Decode(raw)
		if err != nil {
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(raw, &want); err != nil || len(want) != len(o) {
			t.Fatalf("%q: %v, %d members and %d", raw, err, len(want), len(o))
		}
		for name, value := range want {
			if string(o[name]) != string(value) {
				t.Errorf("%q: %q is %q, want %q", raw, name, o[name], value)
			}
		}
	})
}
