package sqlite

import (
	"context"
	"runtime"
)

// light is the size of a payload, in bytes, below which looking into it is not worth waiting for a turn.
const light = 4 << 10

// heavy lets a part of the processors look into payloads at a time, one event each, so that who has little to
// do, and the writer above all, finds one free.
type heavy chan struct{}

func newHeavy() heavy { return make(heavy, max(runtime.GOMAXPROCS(0)/2, 1)) }

// do runs a look into a payload of some size, once it is its turn. It ends with ctx.
func (h heavy) do(ctx context.Context, size int, look func() error) error {
	if err := ctx.Err(); err != nil || size < light {
		if err != nil {
			return err
		}
		return look()
	}
	select {
	case h <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() {
		<-h
		runtime.Gosched() // after each event others go first
	}()
	return look()
}
