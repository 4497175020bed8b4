package memory

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"
)

func TestABudgetHasShares(t *testing.T) {
	t.Parallel()
	b := New(800)
	ann, bob, cleo, other := b.Account("t", "ann"), b.Account("t", "bob"), b.Account("t", "cleo"), b.Account("u", "ann")
	for _, step := range []struct {
		what string
		a    *Account
		n    int64
		full bool
	}{
		{"a user's share is a quarter", ann, 201, true},
		{"a user within the share", ann, 200, false},
		{"another account of the user", b.Account("t", "ann"), 1, true},
		{"another user", bob, 200, false},
		{"a tenant's share is a half", cleo, 1, true},
		{"another tenant's user of the same name", other, 200, false},
	} {
		if err := step.a.Grow(step.n); errors.Is(err, ErrFull) != step.full {
			t.Errorf("%s: %v", step.what, err)
		}
	}
	for _, a := range []*Account{ann, bob, cleo, other} {
		a.Close()
	}
	if used, refused := b.Usage(); used != 0 || refused != 3 || len(b.tenants)+len(b.users) != 0 {
		t.Errorf("at the end: %d bytes, %d refused, %+v", used, refused, b)
	}
}

func TestWhoWaitsGetsWhatIsGivenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := New(400)
		first, second := b.Account("t", "ann"), b.Account("t", "ann")
		if n, err := first.Wait(t.Context(), 1000); n != 100 || err != nil { // no more than a share
			t.Fatalf("%d %v", n, err)
		}
		got := make(chan int64)
		go func() {
			n, err := second.Wait(t.Context(), 60)
			if err != nil {
				t.Error(err)
			}
			got <- n
		}()
		synctest.Wait()
		first.Force(-50)
		synctest.Wait()
		select {
		case <-got:
			t.Error("it was let in with too little room")
		default:
		}
		first.Force(-50)
		if n := <-got; n != 60 {
			t.Errorf("got %d", n)
		}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := first.Wait(over, 60); !errors.Is(err, ErrFull) {
			t.Errorf("at the end of its time: %v", err)
		}
	})
}

// Whatever accounts do, the sums add up, and nothing is granted beyond a limit.
func TestABudgetAddsUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := New(rapid.Int64Range(0, 1000).Draw(t, "limit"))
		var accounts []*Account
		forced := int64(0)
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			switch {
			case len(accounts) == 0 || rapid.Bool().Draw(t, "open"):
				accounts = append(accounts, b.Account(rapid.SampledFrom([]string{"", "t", "u"}).Draw(t, "tenant"), rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name")))
			case rapid.Bool().Draw(t, "grow"):
				_ = rapid.SampledFrom(accounts).Draw(t, "account").Grow(rapid.Int64Range(0, 500).Draw(t, "n"))
			case rapid.Bool().Draw(t, "force"):
				n := rapid.Int64Range(0, 50).Draw(t, "n")
				forced += n
				rapid.SampledFrom(accounts).Draw(t, "account").Force(n)
			default:
				rapid.SampledFrom(accounts).Draw(t, "account").Close()
			}
			sum := int64(0)
			for _, a := range accounts {
				sum += a.held
			}
			if used, _ := b.Usage(); used != sum || b.limit > 0 && used > b.limit+forced {
				t.Fatalf("used %d, held %d, limit %d, forced %d", used, sum, b.limit, forced)
			}
		}
		for _, a := range accounts {
			a.Close()
		}
		if used, _ := b.Usage(); used != 0 || len(b.tenants)+len(b.users) != 0 {
			t.Fatalf("at the end %d, %+v", used, b)
		}
	})
}
