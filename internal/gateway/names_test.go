package gateway

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apier/apier"
)

func TestNamesAreKeptOnceAndBounded(t *testing.T) {
	t.Parallel()
	var n names
	if a, b := n.of("browser"), n.of(strings.Clone("browser")); a != b || *a != "browser" {
		t.Errorf("two copies, %q", *a)
	}
	if got := *n.of(strings.Repeat("x", 10_000)); len(got) != apier.MaxClientName {
		t.Errorf("%d bytes are kept", len(got))
	}
	if got := *n.of("\xff"); got != "\uFFFD" {
		t.Errorf("got %q", got)
	}
	for i := range 3 * maxNames {
		n.of(fmt.Sprint(i))
	}
	if len(n.known) > maxNames {
		t.Errorf("%d names are kept", len(n.known))
	}
}
