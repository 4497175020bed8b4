package apier

import (
	"bytes"
	"fmt"
)

// MaxDepth is how many arrays and objects may stand within each other in JSON from outside, by default:
// {} has one level. Many JSON libraries stop at 64 to 128 levels, and cannot read what is deeper.
const MaxDepth = 100

// IsDeeper reports whether JSON has more levels than the limit; 0 means no limit.
func IsDeeper(raw []byte, limit int) bool {
	if limit <= 0 || bytes.Count(raw, []byte("{"))+bytes.Count(raw, []byte("[")) <= limit {
		return false // the usual case, at the speed of memory
	}
	return Depth(raw) > limit
}

// DepthProblem returns the words about JSON that is deeper than it may be.
func DepthProblem(raw []byte, limit int) string {
	return fmt.Sprintf("is nested %d levels deep, at most %d are allowed (--max-depth)", Depth(raw), limit)
}

// Depth returns how many levels JSON has. It needs no valid JSON: it counts the brackets outside strings.
func Depth(raw []byte) int {
	depth, deepest := 0, 0
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			i = endOfString(raw, i)
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		}
	}
	return deepest
}

// endOfString returns where the closing quote of the string that begins at i stands, or the end.
func endOfString(raw []byte, i int) int {
	for i++; i < len(raw) && raw[i] != '"'; i++ {
		if raw[i] == '\\' {
			i++
		}
	}
	return i
}
