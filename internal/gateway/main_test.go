package gateway

import (
	"testing"

	"go.uber.org/goleak"
)

// portable: connections come from net/http and have a goroutine each, as on systems without epoll.
var portable bool //nolint:gochecknoglobals // set between two runs of all tests

func TestMain(m *testing.M) { goleak.VerifyTestMain(bothWays{m}) }

// bothWays runs all tests on what this system has, then on what every system has.
type bothWays struct{ m *testing.M }

func (b bothWays) Run() int {
	code := b.m.Run()
	portable = true
	return max(code, b.m.Run())
}
