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
		c.auth(f, data)
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
			c.syncSoon()
		}
	case apier.FrameSubscribe:
		if echo, ok := f.decoded.(subscribedData); ok && echo.Channel != "" {
			c.channels.confirmed(echo.Channel, firstOf(echo.Seq, f.Seq, c.position.seq))
			c.syncSoon()
		}
	case apier.FrameError:
		c.refused(f)
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
	c.link.renewal.since = c.env.now()
	c.run(evSession{resumed: s.Resumed})
	c.syncSoon()
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
	if _, seesAll := c.channels.held["events"]; seesAll && c.position.behind(seq) {
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

// refused takes an error: of a request for channels, of a token that was offered, or of what the application sent.
func (c *core) refused(f *Frame) {
	about, _ := f.decoded.(errorData)
	names := about.Channels
	if len(names) == 0 && f.Channel != "" {
		names = []string{f.Channel}
	}
	e := &apier.Error{Code: f.Code, Message: f.Error}
	isControl := about.Request == "" || about.Request == apier.FrameSubscribe || about.Request == apier.FrameUnsubscribe
	everything := len(names) == 0 && f.ID == "" && isControl && isTemporary(f.Code)
	if c.link.renewal.offered != "" && (everything || len(names) == 0 && about.Request == apier.FrameAuth) {
		c.renewalRefused(isTemporary(f.Code), about.RetryAfter)
	}
	if f.ID == "" && len(c.channels.asked) == 1 && len(names) == 0 && f.refusesChannel() && isControl {
		everything = true // there is one request that it can be about
	}
	if everything { // it names nothing: whatever has no answer is asked for again
		names = c.channels.unanswered()
	}
	c.tellRefused(c.channels.refuse(names, e, about.RetryAfter, c.env.now()))
	c.syncSoon()
	c.arm()
}
