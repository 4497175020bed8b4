package main

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/apier/apier/internal/server"
)

// FAULTS F8: a setting that is misspelt, or written as people write it, is understood or answered with the right word.
func TestSettingsAreReadAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "apier.yaml")
	if err := os.WriteFile(file, []byte("retention-events: 10d\ndisk-budget: 10GB\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		env, args []string
		file      string
		code      int
		want      string
	}{
		"a size":                  {args: []string{"config", "--disk-budget", "10GB"}, want: "10000000000"},
		"a binary size":           {args: []string{"config", "--max-payload-bytes", "1 MiB"}, want: "1048576"},
		"days":                    {args: []string{"config", "--retention-events", "10d"}, want: "240h0m0s"},
		"days in the file":        {args: []string{"config", "--config", file}, want: "240h0m0s"},
		"days in the environment": {env: []string{"APIER_RETENTION_EVENTS=1w1d"}, args: []string{"config"}, want: "192h0m0s"},
		"no unit":                 {args: []string{"config", "--retention-events", "10"}, code: 2, want: `"10" has no unit; write 10s`},
		"no size":                 {args: []string{"config", "--disk-budget", "much"}, code: 2, want: "10GB"},
		"a misspelt variable":     {env: []string{"APIER_LISEN=:1"}, args: []string{"config"}, want: "APIER_LISEN sets nothing; did you mean APIER_LISTEN?"},
		"a variable of nothing":   {env: []string{"APIER_FLUX=top-secret"}, args: []string{"config"}, want: "APIER_FLUX sets nothing; apier config lists the settings"},
		"--version":               {args: []string{"--version"}, want: "apier " + server.Version},
		"one dash":                {args: []string{"serve", "-data", "x"}, code: 2, want: "write --data, with two dashes"},
		"an underscore":           {file: "ping_after: 5s\n", args: []string{"config"}, code: 2, want: `line 1: there is no setting "ping_after"; did you mean ping-after?`},
	} {
		args := tc.args
		if tc.file != "" {
			path := filepath.Join(t.TempDir(), "apier.yaml")
			if err := os.WriteFile(path, []byte(tc.file), 0o600); err != nil {
				t.Fatal(err)
			}
			args = append(slices.Clone(args), "--config", path)
		}
		stdout, stderr, code := output(t, tc.env, args...)
		if code != tc.code || !strings.Contains(stdout+stderr, tc.want) {
			t.Errorf("%s: %d, no %q in\n%s%s", name, code, tc.want, stdout, stderr)
		}
		if strings.Contains(stderr, "top-secret") {
			t.Errorf("%s: the value of an unknown variable is shown", name)
		}
	}
}

// FAULTS F9: several bad settings are reported in the order of the help, each time.
func TestBadSettingsAreReportedInTheOrderOfTheHelp(t *testing.T) {
	t.Parallel()
	args := []string{
		"config", "--idempotency-retention=-1s", "--disk-budget", "1", "--webhook-secrets", "x", "--write-queue=-1", "--token-ttl", "1ms", "--max-depth", "1001",
		"--max-connections-per-ip=-1", "--max-connections=-1", "--jwt-audience", "a", "--trusted-proxies", "x", "--allowed-origins", "y", "--public-url", "z",
	}
	want := []string{
		"public-url", "allowed-origins", "trusted-proxies", "jwks-url", "max-connections", "max-connections-per-ip",
		"max-depth", "token-ttl", "write-queue", "webhook-secrets", "disk-budget", "idempotency-retention",
	}
	_, stderr, code := output(t, nil, args...)
	var got []string
	for _, line := range regexp.MustCompile(`(?m)^(?:apier: config: )?--(\S+)`).FindAllStringSubmatch(stderr, -1) {
		got = append(got, line[1])
	}
	if code == 0 || !slices.Equal(got, want) {
		t.Errorf("%d: got %v\nwant %v\n%s", code, got, want, stderr)
	}
	file := filepath.Join(t.TempDir(), "apier.yaml")
	if err := os.WriteFile(file, []byte("zeta: 1\nlisen: x\nalpha: 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, stderr, _ = output(t, nil, "config", "--config", file)
	zeta, lisen, alpha := strings.Index(stderr, `"zeta"`), strings.Index(stderr, `"lisen"`), strings.Index(stderr, `"alpha"`)
	if zeta < 0 || zeta > lisen || lisen > alpha || !strings.Contains(stderr, "did you mean listen?") {
		t.Errorf("the unknown keys are not reported in the order of the file: %s", stderr)
	}
}

var update = flag.Bool("update", false, "write the generated files anew")

// The reference of the settings is what the program says of them.
func TestTheSettingsPageIsGenerated(t *testing.T) {
	t.Parallel()
	const page = "../../docs/settings.md"
	want := server.Reference()
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil || string(got) != want {
		t.Errorf("docs/settings.md is not that of the program: run make generate (%v)", err)
	}
	var c struct {
		server.Options `embed:""`
	}
	parser, err := kong.New(&c, append(mappers(), kong.Writers(io.Discard, io.Discard))...)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range parser.Model.Flags {
		if f.Name != "help" && !strings.Contains(want, "| `--"+f.Name+"` |") {
			t.Errorf("the page lacks --%s", f.Name)
		}
	}
}
