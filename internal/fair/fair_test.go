package fair

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"
)

func TestOneKeyNeverHasAllSlots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := NewSlots[string](8, true)
		ctx, cancel := context.WithCancel(t.Context())
		for _, key := range []string{"a", "b", "c"} {
			for range 20 {
				go func() { _ = s.Acquire(ctx, key) }()
			}
			synctest.Wait()
		}
		if s.held["a"] != 4 || s.held["b"] != 2 || s.held["c"] != 1 || s.Waiting() != 53 {
			t.Errorf("held: %v, %d wait", s.held, s.Waiting())
		}
		if err := s.Acquire(t.Context(), "d"); err != nil { // at once, whatever the others do
			t.Error(err)
		}
		cancel()
		synctest.Wait()
		if s.Waiting() != 0 || len(s.queues) != 0 || len(s.turns) != 0 {
			t.Errorf("%d wait when all have left", s.Waiting())
		}
	})
}

func TestKeysTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := NewSlots[string](1, false)
		_ = s.Acquire(t.Context(), "first")
		var order []string
		ask := func(key string, count int) {
			for range count {
				go func() {
					if s.Acquire(t.Context(), key) == nil {
						order = append(order, key)
						s.Release(key)
					}
				}()
			}
			synctest.Wait()
		}
		ask("a", 5)
		ask("b", 2)
		ask("c", 1)
		s.Release("first")
		synctest.Wait()
		if want := []string{"a", "b", "c", "a", "b", "a", "a", "a"}; !slices.Equal(order, want) {
			t.Errorf("got %v, want %v", order, want)
		}
	})
}

// Whoever asks, leaves and gives back, no slot is lost, and none is free while somebody waits who may have it.
func TestNoSlotIsLost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		slots, spare := rapid.IntRange(1, 5).Draw(rt, "slots"), rapid.Bool().Draw(rt, "spare")
		steps := rapid.SliceOfN(rapid.IntRange(0, 11), 1, 60).Draw(rt, "steps")
		fault := ""
		synctest.Test(t, func(t *testing.T) { fault = walk(t, NewSlots[int](slots, spare), slots, steps) })
		if fault != "" {
			rt.Fatal(fault)
		}
	})
}

func walk(t *testing.T, s *Slots[int], slots int, steps []int) string {
	holding := map[int]int{}
	granted := make(chan int, len(steps))
	var leave []context.CancelFunc
	for _, step := range steps {
		key := step % 3
		switch step / 3 {
		case 0, 1:
			ctx, cancel := context.WithCancel(t.Context())
			leave = append(leave, cancel)
			go func() {
				if s.Acquire(ctx, key) == nil {
					granted <- key
				}
			}()
		case 2:
			if holding[key] > 0 {
				holding[key]--
				s.Release(key)
			}
		case 3:
			if len(leave) > 0 {
				leave[0]()
				leave = leave[1:]
			}
		}
		synctest.Wait()
		for len(granted) > 0 {
			holding[<-granted]++
		}
		held := holding[0] + holding[1] + holding[2]
		if held != s.Held() || s.free != slots-held {
			return "a slot was lost"
		}
		for key := range s.queues {
			if s.may(key) {
				return "somebody waits who may have a slot"
			}
		}
	}
	for _, cancel := range leave {
		cancel()
	}
	synctest.Wait()
	return ""
}
