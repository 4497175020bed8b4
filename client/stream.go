package client

import "github.com/apier/apier"

// frame says what a frame means: sessions, subscriptions, duplicates, gaps; the rest is handed on.
func (c *core) frame(f *Frame) {
	switch data := f.decoded.(type) {
	case sessionData:
		c.sessionStarted(data.session())
		return
	case resyncData:
		c.skipped(data)
		return
	case reconnectData:
		c.run(evAdvice{ms: int64(min(*data.AfterMS, maxRetryAfter))})
		return
	case authData:
		if data.Status == apier.AuthExpiring {
			c.tokenExpiring()
		}
		return
	}
	c.control(f)
	if f.ID != "" {
		c.outbox.answered(f.ID, f.Type == apier.FrameError)
	}
	if !c.isDuplicate(f) {
		c.notify(notice{frame: f})
	}
}

func (c *core) control(f *Frame) {
	switch f.Type {
	case apier.FramePing:
		c.sendText(encodeMessage(Message{Type: apier.FramePong}))
	case apier.FramePong:
		c.meter.answered(c.env.now())
		if pong, ok := f.decoded.(pongData); ok {
			c.head(pong.Seq)
		}
	case apier.FrameUnsubscribe:
		if echo, ok := f.decoded.(subscribedData); ok {
			c.channels.ended(echo.Channel)
		}
	case apier.FrameSubscribe:
		if echo, ok := f.decoded.(subscribedData); ok && echo.Channel != "" {
			c.channels.confirmed(echo.Channel, firstOf(echo.Seq, f.Seq, c.position.seq))
		}
	}
}

func firstOf(seqs ...apier.Seq) apier.Seq {
	for _, s := range seqs {
		if s != 0 {
			return s
		}
	}
	return 0
}

func (c *core) sessionStarted(s apier.Session) {
	_, hasPoint := c.position.cursor()
	goesOn := hasPoint || c.machine.wasReady && c.machine.link != linkReady
	c.position.start(s)
	c.channels.start(s.Channels, c.position.seq)
	c.run(evSession{resumed: s.Resumed})
	subscribe, unsubscribe := c.channels.missing(s.Channels)
	for _, name := range subscribe {
		c.sendSubscribe(name)
	}
	for _, name := range unsubscribe {
		c.sendUnsubscribe(name)
	}
	if !goesOn || s.Resumed {
		return
	}
	// The resync frames that follow, one for each channel, say the same.
	c.resyncedTo = s.Seq
	c.notify(notice{resync: ResyncNotResumed})
}

func (c *core) skipped(r resyncData) {
	seq := *r.Seq
	c.position.seq, c.position.events = seq, seq
	c.channels.skipTo(seq, r.Channel)
	if seq <= c.resyncedTo {
		return
	}
	c.resyncedTo = seq
	c.notify(notice{resync: ResyncSkipped})
}

func (c *core) head(seq apier.Seq) {
	if _, seesAll := c.channels.seqs["events"]; seesAll && c.position.behind(seq) {
		c.notify(notice{resync: ResyncBehind})
	}
}

func (c *core) isDuplicate(f *Frame) bool {
	change, isChange := f.decoded.(Change)
	if !isChange || f.Seq == 0 {
		return false
	}
	if c.channels.old(f.Channel, f.Seq, c.position.seq) {
		c.stats.Duplicates++
		return true
	}
	c.position.reach(f.Seq, change.IsEvent())
	return false
}

func (c *core) tokenExpiring() {
	c.link.expiring = true
	if c.env.hasTokenSource() {
		c.env.renewToken(c.link)
	} else {
		c.tokenRenewed(c.link, c.token)
	}
}
