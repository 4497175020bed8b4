package rules_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/apier/apier"
	"github.com/apier/apier/internal/store/rules"
)

func routes(n int, filter, orderKey string) []*rules.Route {
	all := make([]*rules.Route, n)
	for i := range all {
		all[i] = rules.NewRoute(int64(i+1), &apier.Endpoint{Filter: []byte(filter), OrderKey: orderKey})
	}
	return all
}

func wide(n int) *apier.Event {
	return &apier.Event{Type: "a.b", Payload: []byte(`{"n":[` + strings.Repeat(`{"x":1},`, n) + `1],"key":"k"}`)}
}

// allocations counts what it takes to match one event.
func allocations(t *testing.T, all []*rules.Route, e *apier.Event) float64 {
	t.Helper()
	return testing.AllocsPerRun(3, func() {
		if _, err := rules.Targets(t.Context(), all, e); err != nil {
			t.Fatal(err)
		}
	})
}

// A payload is decoded once, not once for each endpoint that looks into it.
func TestTargetsDecodeOnce(t *testing.T) { //nolint:paralleltest // it counts allocations
	for name, setting := range map[string][2]string{
		"filters":    {`{"payload.none":1}`, ""},
		"order keys": {``, "key"},
	} {
		const few = 2000 // allocations of matching 100 times, far below those of decoding twice
		one := allocations(t, routes(1, setting[0], setting[1]), wide(5000))
		hundred := allocations(t, routes(100, setting[0], setting[1]), wide(5000))
		if one < 2*few || hundred > one+few {
			t.Errorf("%s: %.0f allocations for one endpoint, %.0f for a hundred", name, one, hundred)
		}
	}
	if n := allocations(t, routes(100, `{"type":"c.d"}`, ""), wide(5000)); n > 500 {
		t.Errorf("%.0f allocations where no endpoint looks into the payload", n)
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	all := append(routes(2, `{"payload.key":"k"}`, "key"), routes(1, `{"payload.key":"other"}`, "")...)
	targets, err := rules.Targets(t.Context(), all, wide(1))
	if got := fmt.Sprint(targets, err); got != "[{1 k} {2 k}] <nil>" {
		t.Error(got)
	}
	long := &apier.Event{Payload: fmt.Appendf(nil, `{"key":"%0200d"}`, 1)}
	if key := rules.OrderKey(long.Decoded(), "payload.key"); !strings.HasPrefix(key, "sha256:") || len(key) > 128 {
		t.Errorf("a long order key is %q", key)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := rules.Targets(ctx, all, wide(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("after the caller left: %v", err)
	}
}
