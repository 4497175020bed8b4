package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTheReadmesCommands runs every curl and apier command of README.md, as it stands there, against a
// running server; only the address is replaced.
func TestTheReadmesCommands(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := start(t, filepath.Join(dir, "data"), "--allow-private-endpoints") // as it says
	installProgram(t, dir)
	commands := readmeCommands(string(readme))
	if len(commands) < 7 {
		t.Fatalf("only %d commands found: %q", len(commands), commands)
	}
	var event string
	for _, command := range commands {
		command = strings.ReplaceAll(command, "http://localhost:8080", s.url)
		command = strings.ReplaceAll(command, "curl ", "curl -sS --fail-with-body ")
		command = strings.ReplaceAll(command, "/<id>/", "/"+event+"/")
		cmd := exec.CommandContext(t.Context(), "bash", "-euc", command)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "APIER_TEST_AS_PROGRAM=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s\n%v: %s", command, err, out)
		}
		if id := regexp.MustCompile(`evt_[0-9a-z]{26}`).FindString(string(out)); id != "" {
			event = id
		}
	}
	if event == "" {
		t.Error("no command of the README makes an event")
	}
}

// FAULTS F11: nothing that takes long is silent: make run says what it does before it does it.
func TestMakeRunSaysWhatTakesLong(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "make", "-C", "../..", "--always-make", "--dry-run", "run").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, slow := range []string{"npm run --silent build", "go build"} {
		before, _, found := strings.Cut(string(out), slow)
		said := strings.LastIndex(before, "echo ")
		if !found || said < 0 || strings.Count(before[said:], "\n") > 2 {
			t.Errorf("nothing is said before %q:\n%s", slow, out)
		}
	}
}

// installProgram puts the program where the README expects it.
func installProgram(t *testing.T, dir string) {
	t.Helper()
	self, err := filepath.Abs(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "bin", "apier")); err != nil {
		t.Fatal(err)
	}
}

// readmeCommands gives the commands that end by themselves: those of the sh blocks, and those in the
// table. make run and wscat are for the browser tests.
func readmeCommands(readme string) []string {
	var commands []string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(readme, -1) {
		for _, command := range strings.Split(strings.ReplaceAll(block[1], "\\\n", " "), "\n") {
			if strings.HasPrefix(command, "curl ") {
				commands = append(commands, command)
			}
		}
	}
	for _, command := range regexp.MustCompile("`(bin/apier [^`<]+)`").FindAllStringSubmatch(readme, -1) {
		if strings.HasPrefix(command[1], "bin/apier tail") || strings.HasPrefix(command[1], "bin/apier serve --allow") {
			continue // they end when they are interrupted: TestTail, and the server that this test started
		}
		commands = append(commands, command[1])
	}
	return commands
}
