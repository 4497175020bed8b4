package gateway

import "github.com/apier/apier"

// handle answers one text message.
func (c *conn) handle(payload []byte) {
	frame, err := apier.DecodeClientFrame(payload)
	if err != nil {
		c.send(apier.AppendError(nil, frame.ID, err, c.g.now()))
		return
	}
	switch frame.Type {
	case apier.FramePing:
		c.pong(frame)
	case apier.FrameSubscribe:
		c.subscribe(frame)
	case apier.FrameUnsubscribe:
		c.unsubscribe(frame)
	case apier.FrameAuth:
		c.renew(frame)
	default: // pong: its arrival was all it had to say
	}
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
			c.sendLocked(textMessage(apier.AppendError(nil, frame.ID, refused, c.g.now())))
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
	for _, channel := range frame.Channels {
		c.subs = c.subs.Without(channel)
		c.echo(frame, channel)
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
