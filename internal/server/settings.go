package server

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// setting is one field of Options. Its tags are all that is written of it anywhere: the flag, the environment variable,
// the key of the YAML file, the range, what GET /api/config shows and the reference page follow from them.
//
//	name, default, help   as on the command line; a name is derived from the field where there is none
//	type:"bytes"          a size, see [ParseSize]
//	min, max              the range of a value that is not 0, written as the value is
//	public                shown by GET /api/config
//	secret                its value is shown nowhere
type setting struct {
	Name, Help, Default string
	Min, Max            string
	Bytes               bool
	Public, Secret      bool
	value               reflect.Value
}

// settings returns every setting in the order of the help.
func (o Options) settings() []setting {
	value := reflect.ValueOf(o)
	all := make([]setting, value.NumField())
	for i := range all {
		field := value.Type().Field(i)
		tag := field.Tag
		_, public := tag.Lookup("public")
		_, secret := tag.Lookup("secret")
		all[i] = setting{
			Name: tag.Get("name"), Help: tag.Get("help"), Default: tag.Get("default"),
			Min: tag.Get("min"), Max: tag.Get("max"), Bytes: tag.Get("type") == "bytes",
			Public: public, Secret: secret, value: value.Field(i),
		}
		if all[i].Name == "" {
			all[i].Name = flagName(field.Name)
		}
	}
	return all
}

// flagName writes the name of a field as that of a flag: MaxConnections becomes max-connections.
func flagName(field string) string {
	var name strings.Builder
	for i, r := range field {
		if unicode.IsUpper(r) && i > 0 {
			name.WriteByte('-')
		}
		name.WriteRune(unicode.ToLower(r))
	}
	return name.String()
}

// outOfRange returns what is wrong with a number, a size or a duration. 0 is always right: it means none, or the default
// where the help says so.
func (s setting) outOfRange() error {
	number, isNumber := s.number()
	switch {
	case !isNumber || number == 0:
		return nil
	case !(number >= 0 && number <= math.MaxInt64): // what is no number is neither
		return fmt.Errorf("must be 0 or more, not %s", s.text())
	case s.value.Kind() == reflect.Float64 && number > math.MaxInt32:
		return fmt.Errorf("must be %d at most, not %s", math.MaxInt32, s.text())
	case s.Min != "" && number < s.bound(s.Min):
		return fmt.Errorf("must be 0 or at least %s, not %s", s.Min, s.text())
	case s.Max != "" && number > s.bound(s.Max):
		return fmt.Errorf("must be at most %s, not %s", s.Max, s.text())
	}
	return nil
}

func (s setting) number() (n float64, ok bool) {
	switch s.value.Kind() {
	case reflect.Int, reflect.Int64:
		return float64(s.value.Int()), true
	case reflect.Float64:
		return s.value.Float(), true
	default:
		return 0, false
	}
}

// bound reads what stands in the tags min and max.
func (s setting) bound(text string) float64 {
	if s.isDuration() {
		d, _ := ParseDuration(text)
		return float64(d)
	}
	n, _ := ParseSize(text)
	return float64(n)
}

func (s setting) isDuration() bool { return s.value.Type() == reflect.TypeFor[time.Duration]() }

func (s setting) text() string {
	if s.Secret {
		return "(a secret)"
	}
	return fmt.Sprint(s.value.Interface())
}

// publicSettings are those that GET /api/config shows: by their names, with the unit at the end, durations in seconds.
func (o Options) publicSettings() map[string]any {
	shown := map[string]any{}
	for _, s := range o.settings() {
		if !s.Public {
			continue
		}
		key := strings.ReplaceAll(s.Name, "-", "_")
		switch {
		case s.isDuration():
			shown[key+"_seconds"] = int64(time.Duration(s.value.Int()).Seconds())
		case s.Bytes && !strings.HasSuffix(key, "_bytes"):
			shown[key+"_bytes"] = s.value.Interface()
		default:
			shown[key] = s.value.Interface()
		}
	}
	return shown
}

// Reference is the page of all settings, in Markdown.
func Reference() string {
	var page strings.Builder
	page.WriteString("# Settings\n\n" +
		"Each is a flag, an environment variable and a key of the YAML file (`--config`): `--max-connections`, `APIER_MAX_CONNECTIONS`, `max-connections:`. A flag is stronger than\n" +
		"the environment, and that is stronger than the file. `apier config` prints what is in force and where it comes from.\n\n" +
		"Sizes are written as `10GB`, `256KiB` or a number of bytes; durations as `90d`, `2w`, `1h30m` or `500ms`. For limits 0 means none, unless the text says that it means the default.\n\n" +
		"This page is generated from the program. Change `internal/server/options.go`, then run `make generate`.\n\n" +
		"| setting | default | |\n| --- | --- | --- |\n")
	for _, s := range (Options{}).settings() {
		value := "–"
		if s.Default != "" {
			value = "`" + s.Default + "`"
		}
		fmt.Fprintf(&page, "| `--%s` | %s | %s%s |\n", s.Name, value, strings.ReplaceAll(s.Help, "|", "\\|"), s.rangeText())
	}
	return page.String()
}

func (s setting) rangeText() string {
	switch {
	case s.Min != "":
		return " At least " + s.Min + ", or 0."
	case s.Max != "" && !strings.Contains(s.Help, "at most"):
		return " At most " + s.Max + "."
	default:
		return ""
	}
}

// ParseDuration reads a duration as people write it: what time.ParseDuration takes, and days (d) and weeks (w), alone or
// in front: 90d, 1d12h.
func ParseDuration(text string) (time.Duration, error) {
	rest, total := strings.TrimSpace(text), time.Duration(0)
	for _, unit := range []struct {
		letter string
		size   time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}} {
		before, after, found := strings.Cut(rest, unit.letter)
		if !found {
			continue
		}
		n, err := strconv.ParseFloat(before, 64)
		if err != nil || math.Abs(n*float64(unit.size))+math.Abs(float64(total)) > math.MaxInt64/2 {
			return 0, durationError(text)
		}
		total += time.Duration(n * float64(unit.size))
		if rest = after; rest == "" {
			return total, nil
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil {
		return 0, durationError(text)
	}
	return total + d, nil
}

func durationError(text string) error {
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return fmt.Errorf("%q has no unit; write %ss, %sm, %sh or %sd", text, text, text, text, text)
	}
	return fmt.Errorf("%q is no duration; write one such as 30s, 5m, 1h30m, 90d or 2w", text)
}

// ParseSize reads a number of bytes as people write it: 1048576, 256KiB (1024 bytes a KiB), 10GB or 10G (1000 × 1000 ×
// 1000 bytes a GB), in letters of either case, with or without a space.
func ParseSize(text string) (int64, error) {
	trimmed := strings.TrimSpace(text)
	end := strings.IndexFunc(trimmed, func(r rune) bool { return !unicode.IsDigit(r) && r != '.' && r != '-' })
	if end < 0 {
		end = len(trimmed)
	}
	factor, known := sizeUnits()[strings.ToLower(strings.TrimSpace(trimmed[end:]))]
	n, err := strconv.ParseFloat(trimmed[:end], 64)
	if !known || err != nil || math.Abs(n*factor) >= math.MaxInt64 || n*factor != math.Trunc(n*factor) {
		return 0, fmt.Errorf("%q is no size; write one such as 10GB, 512MiB or a number of bytes", text)
	}
	return int64(n * factor), nil
}

func sizeUnits() map[string]float64 {
	units := map[string]float64{"": 1, "b": 1}
	decimal, binary := 1.0, 1.0
	for _, letter := range []string{"k", "m", "g", "t"} {
		decimal, binary = decimal*1000, binary*1024
		units[letter], units[letter+"b"] = decimal, decimal
		units[letter+"i"], units[letter+"ib"] = binary, binary
	}
	return units
}
