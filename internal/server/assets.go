package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/apier/apier/internal/encoding"
)

// asset is one file of the dashboard, as it is and as the build compressed it.
type asset struct {
	contentType string
	plain       representation
	compressed  map[string]representation // by content coding
}

type representation struct {
	content []byte
	etag    string
}

// compressedEndings are what the build adds to a file's name for its compressed copies, and their codings, best first.
func compressedEndings() [][2]string { return [][2]string{{".br", "br"}, {".gz", "gzip"}} }

// loadAssets reads the files of the built dashboard, each with its compressed copies.
func loadAssets(dist fs.FS) (map[string]asset, error) {
	assets := map[string]asset{}
	err := fs.WalkDir(dist, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || isCompressed(name) {
			return err
		}
		assets[name], err = loadAsset(dist, name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the dashboard: %w", err)
	}
	return assets, nil
}

func isCompressed(name string) bool {
	for _, e := range compressedEndings() {
		if strings.HasSuffix(name, e[0]) {
			return true
		}
	}
	return false
}

func loadAsset(dist fs.FS, name string) (asset, error) {
	content, err := fs.ReadFile(dist, name)
	if err != nil {
		return asset{}, err
	}
	a := asset{mime.TypeByExtension(path.Ext(name)), newRepresentation(content), map[string]representation{}}
	for _, e := range compressedEndings() {
		switch content, err := fs.ReadFile(dist, name+e[0]); {
		case err == nil:
			a.compressed[e[1]] = newRepresentation(content)
		case !errors.Is(err, fs.ErrNotExist):
			return asset{}, err
		}
	}
	return a, nil
}

func newRepresentation(content []byte) representation {
	sum := sha256.Sum256(content)
	return representation{content, `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`}
}

// serve answers with the smallest representation that the client takes.
func (a asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	chosen := a.plain
	if len(a.compressed) > 0 {
		h.Add("Vary", "Accept-Encoding")
		if coding := encoding.Choose(r.Header, "br", "gzip"); coding != "" && a.compressed[coding].content != nil {
			chosen = a.compressed[coding]
			h.Set("Content-Encoding", coding)
		}
	}
	if a.contentType != "" {
		h.Set("Content-Type", a.contentType)
	} else {
		h.Set("Content-Type", "application/octet-stream")
	}
	h.Set("ETag", chosen.etag)
	h.Set("Content-Length", strconv.Itoa(len(chosen.content)))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(chosen.content))
}
