package encoding

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"testing"
)

func TestChoose(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]string{
		"":                            "",
		"gzip":                        "gzip",
		"br, gzip":                    "br",
		"gzip, deflate, br, zstd":     "br",
		"BR;q=0, GZIP;q=0.1":          "gzip",
		"br ; q=0.000 , gzip ; q=1.0": "gzip",
		"*":                           "br",
		"br;q=0, *":                   "gzip",
		"gzip;q=0, *;q=0":             "",
		"identity":                    "",
		"gzip;q=some":                 "",
		"gzip;level=9;q=0":            "",
		"x-gzip":                      "",
		",,;,":                        "",
	} {
		if got := Choose(http.Header{"Accept-Encoding": {accept}}, "br", "gzip"); got != want {
			t.Errorf("%q: %q, want %q", accept, got, want)
		}
	}
	if got := Choose(http.Header{"Accept-Encoding": {"deflate", "gzip"}}, "br", "gzip"); got != "gzip" {
		t.Errorf("in two lines: %q", got)
	}
	if got := Choose(http.Header{}, "gzip"); got != "" {
		t.Errorf("without the header: %q", got)
	}
}

// A writer that was closed or discarded goes to one other user, and leaves nothing to him.
func TestWritersAreUsedAgain(t *testing.T) {
	t.Parallel()
	for range 20 {
		cut := NewWriter(io.Discard)
		_, _ = cut.Write([]byte("of somebody else"))
		cut.Discard()
		cut.Discard()
		var one, two bytes.Buffer
		first, second := NewWriter(&one), NewWriter(&two)
		_, _ = first.Write([]byte("first"))
		_, _ = second.Write([]byte("second"))
		_ = first.Close()
		first.Discard()
		_ = second.Close()
		if got := unzip(t, one.Bytes()) + unzip(t, two.Bytes()) + unzip(t, Gzip([]byte("third"))); got != "firstsecondthird" {
			t.Fatalf("%q", got)
		}
	}
}

func unzip(t *testing.T, compressed []byte) string {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
