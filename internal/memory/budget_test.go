package memory

import (
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func TestABudgetHasShares(t *testing.T) {
	t.Parallel()
	b := New(800)
	ann, bob, cleo, other := b.Account("t", "ann"), b.Account("t", "bob"), b.Account("t", "cleo"), b.Account("u", "ann")
	for name, tc := range map[string]struct {
		a    *Account
		n    int64
		full bool
	}{
		"a user's share is a quarter":       {b.Account("t", "ann"), 201, true},
		"a tenant's share is a half":        {cleo, 1, true},
		"another tenant's user of the name": {other, 200, false},
	} {
		if name == "a tenant's share is a half" {
			if ann.Grow(200) != nil || bob.Grow(200) != nil {
				t.Fatal("what is within the shares is refused")
			}
		}
		if err := tc.a.Grow(tc.n); errors.Is(err, ErrFull) != tc.full {
			t.Errorf("%s: %v", name, err)
		}
		ann.Close()
		bob.Close()
		other.Close()
	}
	if used, refused := b.Usage(); used != 0 || refused != 2 || len(b.tenants) != 0 || len(b.users) != 0 {
		t.Errorf("at the end: %d bytes, %d refused, %+v", used, refused, b)
	}
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
