package client

import "github.com/apier/apier"

// Cursor is a place in the change log: what a connection, or a program started anew, needs to go on where
// another one stopped. Its fields are there to be stored; their values are the server's.
type Cursor struct {
	Session string    `json:"session"`
	Seq     apier.Seq `json:"seq"`
}

// position is how far the change log was read, and in which session.
type position struct {
	session string
	seq     apier.Seq // of what came last
	events  apier.Seq // likewise, of the changes of events alone: heads are of those
	head    apier.Seq // of the pong before
}

// cursor gives where to go on from, and false where there is no session to go on with.
func (p *position) cursor() (Cursor, bool) {
	return Cursor{Session: p.session, Seq: p.seq}, p.session != ""
}

// start takes a session on; one that was not resumed starts at the server's seq.
func (p *position) start(s apier.Session) {
	p.session = s.Session
	if !s.Resumed {
		p.seq = s.Seq
	}
	p.events = p.seq
	p.head = 0
}

// reach takes the seq of a change. Those of deliveries and endpoints count too: a connection that is subscribed to
// nothing else would be told all of them again.
func (p *position) reach(seq apier.Seq, isEvent bool) {
	p.seq = max(p.seq, seq)
	if isEvent {
		p.events = max(p.events, seq)
	}
}

// forget makes the next connection start anew.
func (p *position) forget() { *p = position{} }

// behind takes the head of the log that a pong told of, and reports whether what the pong before told of
// has still not come, one heartbeat later; once per head. It is right only for a connection that
// subscribes to every change.
func (p *position) behind(head apier.Seq) bool {
	missed := p.head > p.events
	p.head = head
	if missed {
		p.head = 0
	}
	return missed
}
