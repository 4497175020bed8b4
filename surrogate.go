package apier

import "strconv"

// HasHalfSurrogate reports whether valid JSON escapes half of a surrogate pair. Each half is read as U+FFFD: something
// else than was sent.
func HasHalfSurrogate(raw []byte) bool {
	high := false // the unit before was the first half
	for i := 0; i < len(raw); {
		unit, size := uint64(0), 1
		switch {
		case raw[i] == '\\' && raw[i+1] == 'u':
			unit, _ = strconv.ParseUint(string(raw[i+2:i+6]), 16, 16) // it is valid JSON
			size = 6
		case raw[i] == '\\':
			size = 2
		}
		if low := unit >= 0xdc00 && unit <= 0xdfff; low != high {
			return true
		}
		high = unit >= 0xd800 && unit <= 0xdbff
		i += size
	}
	return false
}
