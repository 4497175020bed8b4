package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// notRun is how a page says, in front of a block, that the tests do not run it.
const notRun = "*Not run by the tests:"

// elsewhere names who runs the commands that start what does not end, or need the network.
var elsewhere = map[string]string{ //nolint:gochecknoglobals // a table that nobody writes to
	"make run":      "TestMakeRunSaysWhatTakesLong, and every browser test starts what it builds",
	"npx wscat":     "frontend/e2e/wscat.test.mjs",
	"(cd frontend ": "tests/outsiders/package.test.mjs packs it",
	"npm install ":  "tests/outsiders/package.test.mjs installs it",
	"go mod ":       "TestTheGoClientIsHadAsThePageSays",
}

// FAULTS F10: each block of shell commands in the documents runs as it stands there, from a folder with
// nothing in it but the program and its data, with no variable that the page does not set itself.
func TestEachSnippetOfTheDocsRuns(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) < 6 {
		t.Fatal(pages, err)
	}
	pages = append(pages, "../../README.md", "../../protocol/README.md", "../../deploy/proxy/README.md", "../../CONTRIBUTING.md")
	for _, page := range pages {
		raw, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if blocks := shellBlocks(string(raw)); len(blocks) > 0 {
			t.Run(filepath.Base(filepath.Dir(page))+"/"+filepath.Base(page), func(t *testing.T) {
				t.Parallel()
				runPage(t, blocks)
			})
		}
	}
}

// shellBlocks returns the blocks of a page that are to be run.
func shellBlocks(page string) []string {
	var blocks []string
	for _, m := range regexp.MustCompile("(?s)([^\n]*)\n+```(?:sh|bash|shell|console)\n(.*?)```").FindAllStringSubmatch(page, -1) {
		if !strings.HasPrefix(m[1], notRun) {
			blocks = append(blocks, m[2])
		}
	}
	return blocks
}

// runPage runs the blocks of a page in one shell, against a server of its own.
func runPage(t *testing.T, blocks []string) {
	dir := t.TempDir()
	s := start(t, filepath.Join(dir, "data"), "--allow-private-endpoints")
	installProgram(t, dir)
	shell := func(script string) string {
		cmd := exec.CommandContext(t.Context(), "bash", "-euc", "curl() { command curl -sS --fail-with-body \"$@\"; }\n"+script)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "APIER_TEST_AS_PROGRAM=1", "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s\n%v: %s", script, err, out)
		}
		return string(out)
	}
	post := "curl " + s.url + `/api/events -H "Authorization: Bearer $(cat data/api-key)" ` +
		`-d '{"type":"order.created","source":"shop","payload":{"order":7,"total":100,"customer":{"id":"C-7"}}}'`
	script := &strings.Builder{}
	for _, block := range blocks {
		id := regexp.MustCompile(`evt_[0-9a-z]{26}`).FindString(shell(post)) // the event that <id> stands for
		block = strings.NewReplacer("http://localhost:8080", s.url, "<id>", id, "apier serve", "apier config", "--data DIR", "--data data").Replace(block)
		for line := range strings.Lines(strings.ReplaceAll(block, "\\\n", " ")) {
			if !isRunElsewhere(line) {
				script.WriteString(line)
			}
		}
	}
	shell(script.String())
}

func isRunElsewhere(line string) bool {
	for prefix := range elsewhere {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}

// The module is not published: what the page says makes a program of its own compile nevertheless.
func TestTheGoClientIsHadAsThePageSays(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/go-client.md")
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program := "package main\n\nimport \"github.com/apier/apier/client\"\n\nfunc main() { _, _ = client.New(\"http://localhost:8080\", client.Options{}) }\n"
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	script := strings.ReplaceAll(shellBlocks(string(raw))[0], "=../apier", "="+root) + "go build -o /dev/null .\n"
	cmd := exec.CommandContext(t.Context(), "bash", "-euc", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s\n%v: %s", script, err, out)
	}
}
