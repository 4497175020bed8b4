//go:build linux

package main

import (
	"os/exec"
	"strings"
	"time"

	"github.com/apier/apier/bench/internal/proc"
	"github.com/apier/apier/bench/internal/stat"
)

// report is the result of a run.
type report struct {
	Date     time.Time    `json:"date"`
	Commit   string       `json:"commit"`
	Quick    bool         `json:"quick"` // smaller than what the goals are about
	Machine  proc.Machine `json:"machine"`
	Sections []chapter    `json:"sections"`
	Failures []string     `json:"failures"`
}

type chapter struct {
	Title   string   `json:"title"`
	Note    string   `json:"note,omitempty"` // what a reader must know before he believes the figures
	Figures []figure `json:"figures"`
	Profile string   `json:"profile,omitempty"` // go tool pprof -top, where a goal was missed
}

type figure struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	stat.Summary
	Goal string `json:"goal,omitempty"`
	Met  *bool  `json:"met,omitempty"` // by the median
}

func newReport(dataDir string, quick bool) *report {
	return &report{
		Date: time.Now().UTC().Truncate(time.Second), Commit: commit(), Quick: quick,
		Machine: proc.Describe(dataDir), Sections: []chapter{}, Failures: []string{},
	}
}

// commit names the state of the working copy. It assumes that apier was built from it.
func commit() string {
	hash, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	name := strings.TrimSpace(string(hash))
	if changed, err := exec.Command("git", "status", "--porcelain", "--", ":/").Output(); err != nil || len(changed) > 0 {
		name += "-dirty"
	}
	return name
}

func (r *report) section(title string) { r.Sections = append(r.Sections, chapter{Title: title}) }

// note says something about the latest section.
func (r *report) note(text string) { r.Sections[len(r.Sections)-1].Note = text }

// add puts a figure into the latest section.
func (r *report) add(name, unit string, rounds []float64, g goal) {
	f := figure{Name: name, Unit: unit, Summary: stat.Summarise(rounds)}
	if g.sign != "" {
		met := g.met(f.Median)
		f.Goal, f.Met = g.sign+" "+number(g.bound), &met
	}
	last := &r.Sections[len(r.Sections)-1]
	last.Figures = append(last.Figures, f)
}

// explain puts a profile into the latest section.
func (r *report) explain(profile string) { r.Sections[len(r.Sections)-1].Profile = profile }

// lastMissed reports whether the latest section has missed a goal.
func (r *report) lastMissed() bool {
	for _, f := range r.Sections[len(r.Sections)-1].Figures {
		if f.Met != nil && !*f.Met {
			return true
		}
	}
	return false
}

// missed gives the figures that did not meet their goal.
func (r *report) missed() (missed []string, goals int) {
	for _, s := range r.Sections {
		for _, f := range s.Figures {
			if f.Met == nil {
				continue
			}
			if goals++; !*f.Met {
				missed = append(missed, s.Title+": "+f.Name+" is "+number(f.Median)+" "+f.Unit+", the goal is "+f.Goal)
			}
		}
	}
	return missed, goals
}
