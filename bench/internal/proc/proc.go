//go:build linux

// Package proc reads what Linux knows about a process and about the machine.
package proc

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of /proc/<pid>/stat: Linux shows it as 1/100 s on every architecture that Go runs on.
const tick = 10 * time.Millisecond

// CPU gives the processor time that a process has used, in user mode and in the kernel.
func CPU(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseStat(text)
}

// parseStat reads utime and stime, fields 14 and 15 of proc_pid_stat(5). The name in field 2 may hold
// spaces and brackets, so counting starts behind its last bracket.
func parseStat(text []byte) (time.Duration, error) {
	const afterName, utime, stime = 3, 14, 15 // numbers of fields
	end := bytes.LastIndexByte(text, ')')
	fields := strings.Fields(string(text[end+1:]))
	if end < 0 || len(fields) <= stime-afterName {
		return 0, fmt.Errorf("stat of a process is too short: %q", text)
	}
	var ticks int64
	for _, field := range []int{utime, stime} {
		n, err := strconv.ParseInt(fields[field-afterName], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("stat of a process, field %d: %w", field, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// RSS gives the resident memory of a process, in bytes.
func RSS(pid int) (int64, error) { return memory(pid, "VmRSS:") }

// PeakRSS gives the most that was ever resident of a process, in bytes.
func PeakRSS(pid int) (int64, error) { return memory(pid, "VmHWM:") }

func memory(pid int, name string) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	return parseKiB(text, name)
}

// parseKiB finds a line such as "VmRSS:   1234 kB" and gives bytes.
func parseKiB(text []byte, name string) (int64, error) {
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == name && fields[2] == "kB" {
			n, err := strconv.ParseInt(fields[1], 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("no line %q", name)
}
