package gateway

import (
	"time"

	"github.com/apier/apier"
)

// handle answers one text message.
func (c *conn) handle(payload []byte) {
	frame, err := apier.DecodeClientFrame(payload)
	if err != nil {
		c.refuse(frame, err, frame.Names...)
		return
	}
	c.meter.charge(float64(max(0, len(frame.Channels)-1)) / channelsPerMessage)
	switch frame.Type {
	case apier.FramePing:
		c.pong(frame)
	case apier.FrameSubscribe:
		c.subscribe(frame)
	case apier.FrameUnsubscribe:
		c.unsubscribe(frame)
	case apier.FrameAuth:
		c.renew(frame)
	case apier.FrameResume:
		c.refuse(frame, apier.Errorf(apier.CodeInvalid, "resume is the first message of a connection that asked for it with ?resume=message."))
	default: // pong: its arrival was all it had to say
	}
}

// channelsPerMessage is how many channels of a frame count as one more message: each may cost a look into the store.
const channelsPerMessage = 10

// refuse answers a frame with an error; in v1 the error names what it is about.
func (c *conn) refuse(frame apier.ClientFrame, e *apier.Error, channels ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuseLocked(frame, e, 0, channels...)
}

func (c *conn) refuseLocked(frame apier.ClientFrame, e *apier.Error, retryAfter time.Duration, channels ...string) {
	var about *apier.Refusal
	if c.v1 {
		about = &apier.Refusal{Request: frame.Type, Channels: channels, RetryAfter: retryAfter}
	}
	c.sendLocked(textMessage(apier.AppendError(nil, frame.ID, e, c.g.now(), about)))
}

// send queues one text message.
func (c *conn) send(frame []byte) { c.sendWire(textMessage(frame)) }

func (c *conn) sendWire(wire []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sendLocked(wire)
}

func (c *conn) pong(ping apier.ClientFrame) {
	var v1 *apier.V1
	if c.v1 {
		v1 = &apier.V1{Seq: c.log.Events()}
	}
	c.send(apier.AppendPong(nil, ping, c.g.now(), v1))
}

// subscribe adds each channel and echoes it once it is live, in v1 behind its state: from the cursor on, every change
// that matches will be sent.
func (c *conn) subscribe(frame apier.ClientFrame) {
	c.mu.Lock()
	c.refuseNames(frame)
	for _, channel := range frame.Channels {
		var refused *apier.Error
		switch {
		case !apier.Allowed(c.id.Channels, channel):
			refused = forbiddenChannel(channel.String())
		case c.subs.Has(channel):
		case c.subs.Len() >= c.g.opt.MaxSubscriptions:
			refused = tooManySubscriptions(c.g.opt.MaxSubscriptions)
		default:
			c.subs = c.subs.With(channel)
		}
		if refused != nil {
			c.refuseLocked(frame, refused, 0, channel.String())
			continue
		}
		c.tell(channel)
		c.echo(frame, channel)
	}
	c.mu.Unlock()
	c.follow() // what came while a snapshot was read
}

func (c *conn) unsubscribe(frame apier.ClientFrame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuseNames(frame)
	for _, channel := range frame.Channels {
		c.subs = c.subs.Without(channel)
		c.echo(frame, channel)
	}
}

// refuseNames answers for the names of a frame that are no channels.
func (c *conn) refuseNames(frame apier.ClientFrame) {
	for _, r := range frame.Refused {
		c.refuseLocked(frame, r.Err, 0, r.Name)
	}
}

func (c *conn) echo(frame apier.ClientFrame, channel apier.Channel) {
	var v1 *apier.V1
	if c.v1 {
		v1 = &apier.V1{Channel: channel.String()}
		if frame.Type == apier.FrameSubscribe {
			v1.Seq = c.cursor.Seq
		}
	}
	c.sendLocked(textMessage(apier.AppendSubscribed(nil, frame, channel, c.g.now(), v1)))
}
