package client

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/apier/apier"
)

// maxAddress bounds an address, in bytes: what stands between may take no more than 8 KiB, and adds to it.
const maxAddress = 2 << 10

// attempt returns the query of the next attempt's address, and the frames that go out first: what does not fit into it.
func (c *core) attempt() (query string, first [][]byte) {
	cursor, resumes := c.position.cursor()
	names, named := c.channels.forAddress(resumes)
	q := url.Values{"v": {"1"}}
	if named {
		q.Set("channels", strings.Join(names, ","))
	}
	if resumes {
		q.Set("session", cursor.Session)
		q.Set("after", fmt.Sprint(cursor.Seq))
	}
	if query = q.Encode(); len(query) > maxAddress-c.settings.baseSize && len(names) > 0 {
		return "resume=message&v=1", resumeFrames(names, cursor)
	}
	return query, nil
}

// resumeFrames returns what would else stand in the address, in frames of at most 16 KiB.
func resumeFrames(names []string, cursor Cursor) (frames [][]byte) {
	type resume struct {
		Channels []string   `json:"channels,omitempty"`
		Session  string     `json:"session,omitempty"`
		After    *apier.Seq `json:"after,omitempty"`
		More     bool       `json:"more,omitempty"`
	}
	parts := splitNames(names)
	for i, part := range parts {
		data := resume{Channels: part, More: i < len(parts)-1}
		if !data.More && cursor.Session != "" {
			data.Session, data.After = cursor.Session, &cursor.Seq
		}
		frames = append(frames, encodeMessage(Message{Type: apier.FrameResume, Data: jsonOf(data)}))
	}
	return frames
}
