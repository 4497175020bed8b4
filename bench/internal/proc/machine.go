//go:build linux

package proc

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/apier/apier/bench/internal/stat"
)

// Machine says where figures were taken.
type Machine struct {
	CPU        string  `json:"cpu"`
	Cores      int     `json:"cores"`
	MemoryGiB  float64 `json:"memory_gib"`
	Kernel     string  `json:"kernel"`
	Go         string  `json:"go"` // that built the bench; the Makefile builds apier with the same
	FileSystem string  `json:"file_system"`
	SyncMicros float64 `json:"sync_us"`        // median of write(4 KiB) and fdatasync where the data lies
	Load1      float64 `json:"load_1_min"`     // load average before the run: how quiet the machine was
	Others     float64 `json:"others_percent"` // of the cores' time during the run, that went elsewhere
	MaxFiles   uint64  `json:"max_files"`
}

// Describe looks at the machine, and tries the disk under dir.
func Describe(dir string) Machine {
	m := Machine{Cores: runtime.NumCPU(), Go: runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH}
	m.CPU = cpuModel()
	m.Kernel = line("/proc/sys/kernel/osrelease")
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		bytes, _ := parseKiB(text, "MemTotal:")
		m.MemoryGiB = float64(bytes>>20) / 1024
	}
	if first, _, ok := strings.Cut(line("/proc/loadavg"), " "); ok {
		m.Load1, _ = strconv.ParseFloat(first, 64)
	}
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		m.MaxFiles = limit.Cur
	}
	m.FileSystem = fileSystem(dir)
	m.SyncMicros = syncCost(dir)
	return m
}

func line(path string) string {
	text, _ := os.ReadFile(path)
	return strings.TrimSpace(string(text))
}

func cpuModel() string {
	for l := range strings.Lines(line("/proc/cpuinfo")) {
		if name, value, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// fileSystem names what statfs(2) says; on tmpfs "durable" costs nothing, so the report must show it.
func fileSystem(dir string) string {
	var fs syscall.Statfs_t
	if syscall.Statfs(dir, &fs) != nil {
		return "unknown"
	}
	names := map[int64]string{0xef53: "ext4", 0x01021994: "tmpfs", 0x58465342: "xfs", 0x9123683e: "btrfs", 0x794c7630: "overlay"}
	if name := names[int64(fs.Type)]; name != "" {
		return name
	}
	return "type 0x" + strconv.FormatInt(int64(fs.Type), 16)
}

func syncCost(dir string) float64 {
	const tries, size = 50, 4 << 10
	file, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		return 0
	}
	defer os.Remove(file.Name())
	defer file.Close()
	var micros []float64
	for range tries {
		start := time.Now()
		if _, err := file.Write(make([]byte, size)); err != nil {
			return 0
		}
		if err := syscall.Fdatasync(int(file.Fd())); err != nil {
			return 0
		}
		micros = append(micros, float64(time.Since(start).Nanoseconds())/1e3)
	}
	return stat.Summarise(micros).Median
}
