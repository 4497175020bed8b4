package apier

import (
	"encoding/json"
	"math/big"
	"strings"
)

// decimal is a number of JSON, exactly: ±0.digits × 10^exponent, without zeros at either end of digits.
type decimal struct {
	negative bool
	digits   string // "": zero
	exponent *big.Int
}

// compareNumbers compares exactly, whatever the size: 1, 1.0 and 1E0 are equal, and 1e400 is more than 1e399.
func compareNumbers(x, y json.Number) int {
	i, errI := x.Int64()
	j, errJ := y.Int64()
	if errI == nil && errJ == nil {
		return compareOrdered(i, j)
	}
	a, b := parseDecimal(string(x)), parseDecimal(string(y))
	if order := compareOrdered(a.sign(), b.sign()); order != 0 {
		return order
	}
	order := a.exponent.Cmp(b.exponent)
	if order == 0 {
		order = strings.Compare(a.digits, b.digits)
	}
	return order * a.sign()
}

func compareOrdered[T int | int64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (d decimal) sign() int {
	switch {
	case d.digits == "":
		return 0
	case d.negative:
		return -1
	}
	return 1
}

// maxExponent bounds the digits of an exponent: longer ones count as this many nines.
const maxExponent = 100

func parseExponent(text string) *big.Int {
	text, negative := strings.CutPrefix(strings.TrimPrefix(text, "+"), "-")
	if text = strings.TrimLeft(text, "0"); len(text) > maxExponent {
		text = strings.Repeat("9", maxExponent)
	}
	exponent, ok := new(big.Int).SetString(text, 10)
	switch {
	case !ok: // only zeros
		return new(big.Int)
	case negative:
		return exponent.Neg(exponent)
	}
	return exponent
}

// parseDecimal reads a number of valid JSON.
func parseDecimal(text string) decimal {
	text, negative := strings.CutPrefix(text, "-")
	exponent := new(big.Int)
	if at := strings.IndexAny(text, "eE"); at >= 0 {
		exponent = parseExponent(text[at+1:])
		text = text[:at]
	}
	whole, fraction, _ := strings.Cut(text, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	point := len(whole) - (len(whole) + len(fraction) - len(digits)) // of digits, from its begin
	digits = strings.TrimRight(digits, "0")
	if digits == "" {
		return decimal{exponent: new(big.Int)}
	}
	return decimal{negative, digits, exponent.Add(exponent, big.NewInt(int64(point)))}
}
