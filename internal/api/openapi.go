package api

import (
	_ "embed"
	"net/http"
)

//go:embed openapi.json
var openAPIDocument []byte //nolint:gochecknoglobals // go:embed needs a package variable; nothing writes to it

// openAPI answers GET /api/openapi.json.
func (a *API) openAPI(c *call) error {
	writeJSON(c.w, http.StatusOK, openAPIDocument)
	return nil
}

// docs answers GET /api/docs.
func (a *API) docs(c *call) error { return a.openAPI(c) }
