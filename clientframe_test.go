package apier_test

import (
	"strings"
	"testing"

	"github.com/apier/apier"
)

// A member spelled otherwise is one that is not known, beside the right one and without it.
func TestNamesInAClientFrameAreExact(t *testing.T) {
	t.Parallel()
	for frame, channels := range map[string]int{
		`{"type":"subscribe","data":{"channel":"metrics"}}`:                                                  1,
		`{"type":"subscribe","TYPE":"auth","data":{"channel":"metrics"},"DATA":{"channel":"events"}}`:        1,
		`{"Type":"auth","type":"subscribe","Data":{},"data":{"channel":"metrics","CHANNELS":["events"]}}`:    1,
		`{"type":"subscribe","data":{"channel":"metrics","Channel":"events","channelſ":["events"],"x":{}}}`:  1,
		`{"\u0074ype":"subscribe","data":{"channel":"metrics","channels":["events"]},"ID":7,"future":[1,2]}`: 2,
	} {
		f, err := apier.DecodeClientFrame([]byte(frame))
		if err != nil || f.Type != apier.FrameSubscribe || len(f.Channels) != channels || f.Channels[0].String() != "metrics" || f.ID != "" {
			t.Errorf("%s: %+v, %v", frame, f, err)
		}
	}
	for _, frame := range []string{
		`{"TYPE":"subscribe","data":{"channel":"events"}}`, `{"type":"subscribe","Data":{"channel":"events"}}`,
		`{"type":"subscribe","data":{"Channel":"events"}}`, `{"type":"subscribe","data":{"CHANNELS":["events"]}}`,
		`{"type":"auth","data":{"TOKEN":"x"}}`, `{"type":"auth","data":{"to\u212aen":"x"}}`,
	} {
		if f, err := apier.DecodeClientFrame([]byte(frame)); err == nil || err.Code != apier.CodeInvalid {
			t.Errorf("%s: %+v, %v", frame, f, err)
		}
	}
}

func TestAClientFrameWithANameTwiceIsRefused(t *testing.T) {
	t.Parallel()
	for frame, says := range map[string]string{
		`{"type":"ping","type":"subscribe","data":{"channel":"events"}}`:                   `"type"`,
		`{"type":"subscribe","data":{"channel":"metrics"},"data":{"channel":"events"}}`:    `"data"`,
		`{"type":"subscribe","data":{"channel":"metrics","channel":"events"}}`:             `"channel"`,
		`{"type":"auth","data":{"token":"a","\u0074oken":"b"}}`:                            `"token"`,
		`{"type":"ping","more":[{"a":1,"a":2}]}`:                                           `"a"`,
		`{"type":"ping","more":` + strings.Repeat("[", 99) + strings.Repeat("]", 99) + `}`: "deep",
	} {
		f, err := apier.DecodeClientFrame([]byte(frame))
		if err == nil || err.Code != apier.CodeInvalid || !strings.Contains(err.Message, says) {
			t.Errorf("%.80s: %+v, %v", frame, f, err)
		}
	}
}

func TestAByteOrderMarkBeforeAFrameIsDropped(t *testing.T) {
	t.Parallel()
	f, err := apier.DecodeClientFrame([]byte("\ufeff{\"type\":\"ping\",\"timestamp\":1E2}"))
	if err != nil || f.Type != apier.FramePing || string(f.Echo) != "1E2" {
		t.Errorf("%+v, %v", f, err)
	}
}
