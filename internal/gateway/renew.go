package gateway

import "github.com/apier/apier"

// renew replaces the identity of the live connection: the user must stay the same, and what the new token does not
// permit is ended.
func (c *conn) renew(frame apier.ClientFrame) {
	id, err := c.g.identify(c.g.ctx, request{credential: frame.Token})
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && holderOf(id) != c.holder {
		err = apier.Errorf(apier.CodeForbidden, "The token is of another user. Open a new connection for it.")
	}
	if err != nil {
		e := apier.AsError(err)
		c.refuseLocked(frame, e, c.g.advice(e))
		return
	}
	c.id = id
	c.warnAt = c.g.warnAt(id)
	for _, channel := range c.subs.Channels() {
		if !apier.Allowed(id.Channels, channel) {
			c.subs = c.subs.Without(channel)
			c.echo(apier.ClientFrame{Type: apier.FrameUnsubscribe, ID: frame.ID}, channel)
			c.refuseLocked(frame, forbiddenChannel(channel.String()), 0, channel.String())
		}
	}
	c.sendLocked(textMessage(apier.AppendAuth(nil, frame.ID, apier.AuthOK, expiry(id), c.g.now())))
}
