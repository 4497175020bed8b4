// Package client talks to an API/er server: it publishes and reads events over HTTP, and follows every
// change of them, live, over WebSocket.
//
// # Follow
//
// [Client.Events] is a loop over changes. It connects, reconnects and resumes by itself:
//
//	c, err := client.New("https://events.example", client.Options{Token: key})
//	if err != nil {
//		return err
//	}
//	for item, err := range c.Events(ctx, "events:order.*") {
//		if err != nil {
//			return err // ctx ended, or the server refuses us
//		}
//		if item.Resync != "" {
//			continue // fetch here what you keep a copy of
//		}
//		fmt.Println(item.Event.ID, "is", item.Event.Status)
//	}
//
// It never skips silently: what changed while there was no connection comes after it is back, and where the
// server can no longer tell, an [Item] with Resync says so. An Item's [Cursor] can be kept, and
// [Client.EventsFrom] goes on from it in another process.
//
// The channel endpoint:<id> brings what webhooks do: [Change] holds a delivery, an endpoint or a recovery then, and
// nil for what it is not.
//
// # Publish
//
// When [Client.Publish] returns without an error, the event is on disk. Requests are tried again where that
// helps, after what the server's Retry-After asks for; an Idempotency-Key, made for each call, keeps a try
// again from storing twice. Errors of the server are *[apier.Error], with a Code to branch on:
//
//	var e *apier.Error
//	if errors.As(err, &e) && e.Code == apier.CodeTooLarge { … }
//
// Where no answer came, errors.Is finds the cause: that of the context, or of the network. What is told of a
// connection is a *[ConnectionError], whose kind errors.Is finds: [ErrAuth] asks for another token.
//
// # Consume
//
// [Client.Lease] takes pending events out of the inbox for a while, [Client.AckLeased], [Client.AckLeasedBatch] and
// [Client.Nack] end the lease. A program that crashes in between loses nothing: the lease ends, and the event is handed
// out again. Each group of consumers ([Client.PutGroup]) gets every event that it wants.
//
// # Manage
//
// Webhooks are set up by [Client.CreateEndpoint] and [Client.UpdateEndpoint], looked into by [Client.EndpointDeliveries]
// and [Client.Attempts], and sent again by [Client.Recover]. [Client.EraseAll] takes payloads for good, [Client.Export]
// writes all that match to a file. What would be done twice by doing it again is tried again only where the server said
// that it did nothing; the method says so.
//
// # Stay in control
//
// [Client.Live] is the connection itself, for programs that show how it stands, add channels as they go, or
// send messages of their own. It behaves as the TypeScript client does, to the millisecond: both run the
// vectors in protocol/vectors. State, wait and attempt are in [Status], round trip and lost pongs in [Quality].
//
// # Tokens
//
// Options.Token is an API key or a JWT. A [TokenSource] gives tokens that end: it is asked before each
// attempt and request, and ahead of expiry, when the new token is sent on the open connection. A token stands in a
// header, never in an address, and no error holds it.
//
// # Goroutines
//
// A [Client] has none. A [Live] has a few, and they are gone when Close returns, or some time after its
// context ends (Done). An iteration of Events leaves none behind, however its loop ends.
package client
