package main

import (
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/apier/apier/internal/server"
)

// mappers reads durations and sizes as people write them.
func mappers() []kong.Option {
	return []kong.Option{
		kong.TypeMapper(reflect.TypeFor[time.Duration](), textMapper("duration", func(text string, target reflect.Value) error {
			d, err := server.ParseDuration(text)
			target.SetInt(int64(d))
			return err
		})),
		kong.NamedMapper("bytes", textMapper("size", func(text string, target reflect.Value) error {
			n, err := server.ParseSize(text)
			target.SetInt(n)
			return err
		})),
	}
}

func textMapper(context string, read func(text string, target reflect.Value) error) kong.Mapper {
	return kong.MapperFunc(func(ctx *kong.DecodeContext, target reflect.Value) error {
		token, err := ctx.Scan.PopValue(context)
		if err != nil {
			return err
		}
		return read(fmt.Sprint(token.Value), target)
	})
}

// knownFlags are the flags of all commands, and the environment variables that set them.
func knownFlags(app *kong.Application) (names, variables []string) {
	for _, command := range app.Leaves(false) {
		for _, group := range command.AllFlags(false) {
			for _, flag := range group {
				names = append(names, flag.Name)
				variables = append(variables, flag.Envs...)
			}
		}
	}
	slices.Sort(names)
	slices.Sort(variables)
	return slices.Compact(names), slices.Compact(variables)
}

// warnOfUnknownVariables names each variable APIER_… that sets nothing. Its value may be a secret, so it is not shown.
func warnOfUnknownVariables(out io.Writer, app *kong.Application) {
	_, known := knownFlags(app)
	var unknown []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, "APIER_") && !strings.HasPrefix(name, "APIER_TEST_") && !slices.Contains(known, name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		fmt.Fprintf(out, "apier: warning: the environment variable %s sets nothing%s\n", name, suggestion(name, known))
	}
}

// hintAtDashes explains -data, which is read as the short flags -d, -a, -t, -a.
func hintAtDashes(args []string, app *kong.Application) string {
	known, _ := knownFlags(app)
	for _, arg := range args {
		name, _, _ := strings.Cut(strings.TrimPrefix(arg, "-"), "=")
		if strings.HasPrefix(arg, "-") && !strings.HasPrefix(arg, "--") && slices.Contains(known, name) {
			return fmt.Sprintf("; write --%s, with two dashes", name)
		}
	}
	return ""
}

// suggestion names the nearest of the known words, if one is near.
func suggestion(word string, known []string) string {
	normal := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, "_", "-")) }
	best, distance := "", 1+len(word)/4
	for _, candidate := range known {
		if d := editDistance(normal(word), normal(candidate)); d < distance {
			best, distance = candidate, d
		}
	}
	if best == "" {
		return "; apier config lists the settings"
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

// editDistance is that of Levenshtein: how many letters are to be added, taken out or replaced.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
