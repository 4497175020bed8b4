//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
)

// print writes the report for a terminal.
func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s\n", r.origin())
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range r.Sections {
		fmt.Fprintf(table, "\n%s\n\tmedian\t(min – max)\tunit\tgoal\t\n", s.Title)
		for _, f := range s.Figures {
			fmt.Fprintf(table, "  %s\t%s\t(%s – %s)\t%s\t%s\t%s\n", f.Name, number(f.Median), number(f.Min), number(f.Max), f.Unit, f.Goal, f.verdict())
		}
		if s.Note != "" {
			fmt.Fprintf(table, "  Note: %s\n", s.Note)
		}
		if s.Profile != "" {
			_ = table.Flush() // it is not part of the table
			fmt.Fprintf(w, "\n%s", s.Profile)
		}
	}
	_ = table.Flush() // to a terminal
	fmt.Fprintf(w, "\n%s", r.conclusion())
}

// markdown writes the report for people who read the repository.
func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Bench of %s, commit %s\n\n%s\n\n%s", r.Date.Format("2 January 2006"), r.Commit, r.origin(), r.conclusion())
	for _, s := range r.Sections {
		fmt.Fprintf(&b, "\n## %s\n\n| figure | median | min – max | unit | goal | |\n| --- | ---: | ---: | --- | --- | --- |\n", s.Title)
		for _, f := range s.Figures {
			fmt.Fprintf(&b, "| %s | %s | %s – %s | %s | %s | %s |\n", f.Name, number(f.Median), number(f.Min), number(f.Max), f.Unit, f.Goal, f.verdict())
		}
		if s.Note != "" {
			fmt.Fprintf(&b, "\n%s\n", s.Note)
		}
		if s.Profile != "" {
			fmt.Fprintf(&b, "\nWhere the time went, in a run of its own:\n\n```\n%s```\n", s.Profile)
		}
	}
	return b.String()
}

// origin says where and when, in one paragraph.
func (r *report) origin() string {
	m := r.Machine
	text := fmt.Sprintf("%s, commit %s. %s, %d cores shared by server and load, %.1f GiB, Linux %s, %s. Data on %s, write and fdatasync of 4 KiB: %s µs. Load average before the run: %.2f; during it %.0f %% of the cores' time went elsewhere.",
		r.Date.Format("2006-01-02 15:04 UTC"), r.Commit, m.CPU, m.Cores, m.MemoryGiB, m.Kernel, m.Go, m.FileSystem, number(m.SyncMicros), m.Load1, m.Others)
	const noisy = 10 // percent
	if m.Others > noisy {
		text += " That is too much: the figures are worth little, take them again on a quiet machine."
	}
	if r.Quick {
		text += " A quick run: smaller than what the goals are about, not to be quoted."
	}
	return text
}

// conclusion says what was met, what was missed and what failed, plainly.
func (r *report) conclusion() string {
	missed, goals := r.missed()
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d goals met.\n", goals-len(missed), goals)
	for _, m := range missed {
		fmt.Fprintf(&b, "- Not met: %s.\n", m)
	}
	for _, f := range r.Failures {
		fmt.Fprintf(&b, "- FAILED: %s\n", strings.ReplaceAll(f, "\n", "; "))
	}
	return b.String()
}

func (f figure) verdict() string {
	switch {
	case f.Met == nil:
		return ""
	case *f.Met:
		return "met"
	default:
		return "NOT MET"
	}
}

// save writes <date>-<commit>.json and .md.
func (r *report) save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	name := filepath.Join(dir, r.Date.Format("2006-01-02")+"-"+r.Commit)
	if r.Quick {
		name += "-quick"
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(name+".json", append(data, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(name+".md", []byte(r.markdown()), 0o644)
}
