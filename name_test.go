package apier_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/apier/apier"
)

func TestShownNameEscapesWhatCannotBeSeen(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Müller & Co. 東京": "Müller & Co. 東京", "a\u202eb": `a\u202eb`, "a\x1b[0m": `a\u001b[0m`, "a\U000e0001b": `a\U000e0001b`, "": "",
		"a\u3164b": `a\u3164b`, "a\u034fb": `a\u034fb`, "❤\ufe0f": "❤\ufe0f",
	} {
		if got := apier.ShownName(name); got != want {
			t.Errorf("%q is shown as %s, want %s", name, got, want)
		}
	}
}

func TestDepthCountsBracketsOutsideStrings(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]int{
		`{}`: 1, `{"a":[{"b":[]}]}`: 4, `{"a":"[[[[\"[[[","b":[1],"c":[2]}`: 2, `7`: 0, `[`: 1, `"\`: 0, ``: 0, `{"a":[],"b":[],"c":[]}`: 2,
	} {
		if got := apier.Depth([]byte(raw)); got != want {
			t.Errorf("%s has %d levels, want %d", raw, got, want)
		}
		if apier.IsDeeper([]byte(raw), want) || want > 1 && !apier.IsDeeper([]byte(raw), want-1) {
			t.Errorf("%s: IsDeeper disagrees", raw)
		}
	}
	if apier.IsDeeper([]byte(strings.Repeat("[", 1000)), 0) {
		t.Error("0 is no limit")
	}
}

// A frame holds an object as payload whatever became of the payload, in both dialects.
func TestEveryFrameHasAPayload(t *testing.T) {
	t.Parallel()
	large, deep := sampleEvent(), sampleEvent()
	large.Payload = json.RawMessage(`{"a":"` + strings.Repeat("x", apier.MaxPayloadInFrame) + `"}`)
	deep.PayloadProblem = "is nested 9998 levels deep"
	for name, e := range map[string]apier.Event{"payload_truncated": large, "payload_problem": deep} {
		change := apier.Change{Kind: apier.Created, Event: e}
		snapshot := apier.Snapshot{Event: &e}
		channel, _ := apier.ParseChannel("event:" + string(e.ID))
		for dialect, frame := range map[string][]byte{
			"plain": apier.AppendChange(nil, &change, nil), "v1": apier.AppendChange(nil, &change, &apier.V1{Seq: 1}),
			"snapshot": apier.AppendSnapshot(nil, channel, snapshot, sampleAt),
		} {
			if !json.Valid(frame) || !strings.Contains(string(frame), `"payload":{},"`+name+`":`) {
				t.Errorf("%s, %s: %s", name, dialect, frame)
			}
		}
	}
}

func TestFrameDepthIsLimited(t *testing.T) {
	t.Parallel()
	_, err := apier.DecodeClientFrame([]byte(`{"type":"ping","data":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`))
	if err == nil || err.Message != "The frame is nested more than 64 deep." {
		t.Errorf("%v", err)
	}
}

func TestANameOfBlanksIsNone(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"": true, "a b": true, " ": false, "   ": false, "\u2800": false, " \u2800 ": false} {
		if problem := apier.NameProblem(name, 100); (problem == "") != want {
			t.Errorf("%q: %s", name, problem)
		}
	}
}
