package apier_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/apier/apier"

// arrows holds, for each package, which packages of the module it may import. "" is the root. The picture
// is in ARCHITECTURE.md; a package that is not drawn here fails the test.
func arrows() map[string][]string {
	return map[string][]string{
		"":                         {"internal/strictjson"},
		"client":                   {""},
		"cmd/apier":                {"", "client", "internal/doctor", "internal/server", "internal/auth", "internal/store", "internal/store/sqlite"},
		"frontend":                 {},
		"internal/api":             {"", "internal/auth", "internal/encoding", "internal/memory", "internal/fair", "internal/problem", "internal/signature", "internal/store", "internal/strictjson"},
		"internal/auth":            {"", "internal/store", "internal/strictjson"},
		"internal/delivery":        {"", "internal/signature", "internal/store"},
		"internal/fair":            {},
		"internal/encoding":        {},
		"internal/doctor":          {"internal/strictjson"},
		"internal/clientaddr":      {},
		"internal/gateway":         {"", "internal/auth", "internal/clientaddr", "internal/hub", "internal/problem"},
		"internal/hub":             {""},
		"internal/memory":          {},
		"internal/problem":         {""},
		"internal/server":          {"", "frontend", "internal/api", "internal/auth", "internal/clientaddr", "internal/delivery", "internal/encoding", "internal/gateway", "internal/hub", "internal/memory", "internal/problem", "internal/signature", "internal/store", "internal/store/sqlite"},
		"internal/search":          {},
		"internal/signature":       {},
		"internal/store":           {""},
		"internal/store/rules":     {""},
		"internal/store/sqlite":    {"", "internal/fair", "internal/search", "internal/store", "internal/store/rules"},
		"internal/store/storetest": {"", "internal/store"},
		"internal/strictjson":      {},
	}
}

func TestImportsFollowTheArrows(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	allowed := arrows()
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var pkg struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&pkg); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := inModule(pkg.ImportPath)
		targets, drawn := allowed[name]
		if !drawn {
			t.Errorf("package %q is not drawn: add its arrows to imports_test.go and ARCHITECTURE.md", name)
		}
		delete(allowed, name)
		for _, path := range pkg.Imports {
			if path != module && !strings.HasPrefix(path, module+"/") {
				if name == "" && strings.Contains(path, ".") {
					t.Errorf("the root imports %s; it may import the standard library only", path)
				}
				continue
			}
			if target := inModule(path); !slices.Contains(targets, target) {
				t.Errorf("%s must not import %s", name, target)
			}
		}
	}
	for name := range allowed {
		t.Errorf("package %q is drawn and does not exist", name)
	}
}

func inModule(path string) string {
	return strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
}
