//go:build linux

package proc

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Busy is processor time on all cores since some moment.
type Busy struct {
	All   time.Duration // of everybody
	Own   time.Duration // of this process and the children that it has waited for
	Stole time.Duration // that the host gave to other machines
	At    time.Time
}

// Now reads the counters.
func Now() (Busy, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return Busy{}, err
	}
	b, err := parseBusy(string(text))
	b.At = time.Now()
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var used syscall.Rusage
		if syscall.Getrusage(who, &used) == nil {
			b.Own += time.Duration(used.Utime.Nano() + used.Stime.Nano())
		}
	}
	return b, err
}

// parseBusy reads the line "cpu" of proc_stat(5): user nice system idle iowait irq softirq steal, in ticks.
func parseBusy(text string) (Busy, error) {
	const idle, iowait, steal = 3, 4, 7
	line, _, _ := strings.Cut(text, "\n")
	fields := strings.Fields(line)
	if len(fields) < steal+2 || fields[0] != "cpu" {
		return Busy{}, fmt.Errorf("/proc/stat begins with %q", line)
	}
	var b Busy
	for i, field := range fields[1 : steal+2] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return Busy{}, err
		}
		switch i {
		case idle, iowait:
		case steal:
			b.Stole = time.Duration(n) * tick
		default:
			b.All += time.Duration(n) * tick
		}
	}
	return b, nil
}

// Others gives which share of the cores, in percent, went elsewhere since before: to other programs, to
// interrupts that no process is charged for, and to other machines on the host.
func (b Busy) Others(before Busy, cores int) float64 {
	available := b.At.Sub(before.At) * time.Duration(cores)
	if available <= 0 {
		return 0
	}
	elsewhere := (b.All - before.All) - (b.Own - before.Own) + (b.Stole - before.Stole)
	return 100 * float64(max(elsewhere, 0)) / float64(available)
}
