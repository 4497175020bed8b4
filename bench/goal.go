//go:build linux

package main

import "fmt"

// goal is a bound that was set before there was a figure. The zero goal is none.
type goal struct {
	sign  string
	bound float64
}

const (
	signAtLeast = "≥"
	signAtMost  = "≤"
	signBelow   = "<"
)

func atLeast(n float64) goal { return goal{signAtLeast, n} }

func atMost(n float64) goal { return goal{signAtMost, n} }

func below(n float64) goal { return goal{signBelow, n} }

func (g goal) met(value float64) bool {
	switch g.sign {
	case signAtLeast:
		return value >= g.bound
	case signAtMost:
		return value <= g.bound
	default:
		return value < g.bound
	}
}

// number writes as many digits as the figures deserve.
func number(n float64) string {
	switch {
	case n >= 100:
		return fmt.Sprintf("%.0f", n)
	case n >= 10:
		return fmt.Sprintf("%.1f", n)
	default:
		return fmt.Sprintf("%.2f", n)
	}
}
