package client

// SendResult is what became of a message that was handed over.
type SendResult string

// The results of Send.
const (
	Sent    SendResult = "sent"    // it went out
	Queued  SendResult = "queued"  // it waits for a connection
	Refused SendResult = "refused" // neither: its data is no JSON object, it is too big, there is no queue, or no connection is wanted
)

// Outcome is what became of a message whose answer was waited for.
type Outcome string

// The outcomes of a message.
const (
	Acked   Outcome = "acked"   // its answer came
	Expired Outcome = "expired" // nothing came in time
	Dropped Outcome = "dropped" // newer ones needed the room, the server refused it, or the connection was ended
)

// outboxLimits bound what may wait for a connection.
type outboxLimits struct {
	messages int   // 0 turns the queue off
	bytes    int   // of JSON
	age      int64 // how long a message may wait to go out, or for its answer; milliseconds
}

// outgoing is a message and who wants to know what became of it.
type outgoing struct {
	id        string
	text      []byte
	expiresAt instant
	settle    func(Outcome) // nil: nobody
}

// outbox holds the messages that wait for a connection, oldest first, and those that wait for their answer.
type outbox struct {
	limits     outboxLimits
	queue      []*outgoing
	unanswered []*outgoing
}

// add takes a message; the oldest make room. false: it is too big, or there is no queue.
func (b *outbox) add(m *outgoing, now instant) bool {
	if b.limits.messages < 1 || len(m.text) > b.limits.bytes {
		return false
	}
	m.expiresAt = now + instant(b.limits.age)
	b.queue = append(b.queue, m)
	b.makeRoom()
	return true
}

// flush sends what waits, in order, for as long as send takes it.
func (b *outbox) flush(send func([]byte) bool) {
	for len(b.queue) > 0 && send(b.queue[0].text) {
		if m := b.queue[0]; m.settle != nil {
			b.unanswered = append(b.unanswered, m)
		}
		b.queue = b.queue[1:]
	}
}

// answered takes the frame with this id; refused: it is an error.
func (b *outbox) answered(id string, refused bool) {
	end := Acked
	if refused {
		end = Dropped
	}
	for _, m := range b.unanswered {
		if m.id == id {
			b.settle(m, end)
			return
		}
	}
}

// connectionLost puts what has no answer first again.
func (b *outbox) connectionLost() {
	b.queue = append(b.unanswered, b.queue...)
	b.unanswered = nil
	b.makeRoom()
}

// expire gives up what is too old, and returns when to look again.
func (b *outbox) expire(now instant) instant {
	next := never
	for _, m := range b.all() {
		if m.expiresAt <= now {
			b.settle(m, Expired)
		} else {
			next = min(next, m.expiresAt)
		}
	}
	return next
}

// clear gives everything up.
func (b *outbox) clear() {
	for _, m := range b.all() {
		b.settle(m, Dropped)
	}
}

func (b *outbox) all() []*outgoing { return append(append([]*outgoing{}, b.queue...), b.unanswered...) }

func (b *outbox) makeRoom() {
	for len(b.queue) > b.limits.messages || b.bytes() > b.limits.bytes {
		b.settle(b.queue[0], Dropped)
	}
}

func (b *outbox) bytes() int {
	sum := 0
	for _, m := range b.queue {
		sum += len(m.text)
	}
	return sum
}

func (b *outbox) settle(m *outgoing, end Outcome) {
	b.queue = withoutMessage(b.queue, m)
	b.unanswered = withoutMessage(b.unanswered, m)
	if m.settle != nil {
		m.settle(end)
	}
}

func withoutMessage(list []*outgoing, m *outgoing) []*outgoing {
	for i, other := range list {
		if other == m {
			return append(append([]*outgoing{}, list[:i]...), list[i+1:]...)
		}
	}
	return list
}
