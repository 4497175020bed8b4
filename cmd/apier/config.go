package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"

	"github.com/apier/apier/internal/server"
)

type configCmd struct {
	server.Options `embed:""`
}

// Run prints one line for each setting: name, value, where it comes from. Secrets are masked.
func (c *configCmd) Run(parsed *kong.Context, out io.Writer) error {
	file := fileSettings(parsed)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, flag := range parsed.Selected().Flags {
		if flag.Name == "help" || flag.Name == "config" {
			continue
		}
		value := fmt.Sprint(flag.Target.Interface())
		if flag.Tag.Has("secret") && value != "" {
			value = "(set)"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", flag.Name, orDash(value), origin(parsed, flag, file))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return c.Validate()
}

func orDash(value string) string {
	if value == "" || value == "[]" {
		return "-"
	}
	return value
}

// origin names where a flag's value comes from, strongest first.
func origin(parsed *kong.Context, flag *kong.Flag, file map[string]yaml.Node) string {
	for _, step := range parsed.Path {
		if step.Flag != nil && step.Flag.Name == flag.Name && !step.Resolved {
			return "flag --" + flag.Name
		}
	}
	if env := envOf(flag); env != "" {
		return "environment " + env
	}
	if isSet(file, flag.Name) {
		return "file"
	}
	return "default"
}

// envOf names the environment variable that sets a flag, if one does.
func envOf(flag *kong.Flag) string {
	for _, env := range flag.Envs {
		if _, ok := os.LookupEnv(env); ok {
			return env
		}
	}
	return ""
}

// fileSettings gives what the YAML file sets; it was read once without an error.
func fileSettings(parsed *kong.Context) map[string]yaml.Node {
	for _, step := range parsed.Path {
		if step.Flag != nil && step.Flag.Name == "config" {
			path, ok := step.Flag.Target.Interface().(kong.ConfigFlag)
			if !ok {
				continue
			}
			file, err := os.Open(kong.ExpandPath(string(path)))
			if err != nil {
				return nil
			}
			defer file.Close()
			settings := map[string]yaml.Node{}
			_ = yaml.NewDecoder(file).Decode(&settings)
			return settings
		}
	}
	return nil
}

// isSet tells a key that has a value from one that was left empty, which is as if it were not there.
func isSet(settings map[string]yaml.Node, name string) bool {
	value, ok := settings[name]
	return ok && value.Tag != "!!null"
}

// loadYAML makes a file's keys the defaults of the flags of the same names. A key that is no flag is an
// error: a misspelt setting must not pass in silence.
func loadYAML(r io.Reader) (kong.Resolver, error) {
	s := yamlResolver{file: "settings file"}
	if file, ok := r.(*os.File); ok {
		s.file = file.Name()
	}
	if err := yaml.NewDecoder(r).Decode(&s.settings); err != nil && err != io.EOF { //nolint:errorlint // io.EOF: an empty file
		return nil, fmt.Errorf("%s (--config): %w", s.file, err)
	}
	return s, nil
}

type yamlResolver struct {
	file     string
	settings map[string]yaml.Node
}

// Validate implements kong.Resolver.
func (s yamlResolver) Validate(app *kong.Application) error {
	known, _ := knownFlags(app)
	var problems []error
	for _, name := range s.inOrder() {
		if !slices.Contains(known, name) {
			problems = append(problems, fmt.Errorf("%s (--config): line %d: there is no setting %q%s", s.file, s.settings[name].Line, name, suggestion(name, known)))
		}
	}
	return errors.Join(problems...)
}

// inOrder returns the names as they stand in the file.
func (s yamlResolver) inOrder() []string {
	return slices.SortedFunc(maps.Keys(s.settings), func(a, b string) int {
		return cmp.Or(cmp.Compare(s.settings[a].Line, s.settings[b].Line), cmp.Compare(a, b))
	})
}

// Resolve implements kong.Resolver. The environment is stronger than the file.
func (s yamlResolver) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if envOf(flag) != "" {
		return nil, nil //nolint:nilnil // kong's way to say: not here
	}
	if !isSet(s.settings, flag.Name) {
		return nil, nil //nolint:nilnil // kong's way to say: not here
	}
	value := s.settings[flag.Name]
	if value.Kind != yaml.SequenceNode {
		return s.text(flag, &value)
	}
	parts := make([]string, len(value.Content))
	for i, part := range value.Content {
		var err error
		if parts[i], err = s.text(flag, part); err != nil {
			return nil, err
		}
	}
	return strings.Join(parts, ","), nil
}

// text gives a value as it stands in the file: what YAML takes for a number may be a secret of digits.
func (s yamlResolver) text(flag *kong.Flag, value *yaml.Node) (string, error) {
	if value.Kind == yaml.AliasNode {
		value = value.Alias
	}
	if value.Kind != yaml.ScalarNode {
		return "", fmt.Errorf("%s (--config): line %d: %s must be one value, or a list of some", s.file, value.Line, flag.Name)
	}
	return value.Value, nil
}
