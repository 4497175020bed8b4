// Command ogen posts an event and lists it, with the client that ogen makes of openapi.json. It
// prints what the payload of the listed event holds.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/go-faster/jx"

	"github.com/apier/apier/tests/outsiders/generated/ogen"
)

type key string

func (k key) Bearer(context.Context, ogen.OperationName) (ogen.Bearer, error) {
	return ogen.Bearer{Token: string(k)}, nil
}

func main() {
	if err := run(context.Background(), os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, server, token string) error {
	c, err := ogen.NewClient(server, key(token))
	if err != nil {
		return err
	}
	event := &ogen.NewEvent{Type: "outsider.ogen", Source: "test", Payload: ogen.NewEventPayload{"n": jx.Raw("7")}}
	answer, err := c.CreateEvent(ctx, event, ogen.CreateEventParams{})
	if err != nil {
		return err
	}
	created, ok := answer.(*ogen.ReceiptHeaders)
	if !ok {
		return fmt.Errorf("the event is refused: %+v", answer)
	}
	page, err := c.ListEvents(ctx, ogen.ListEventsParams{Type: []string{"outsider.ogen"}})
	if err != nil {
		return err
	}
	listed, ok := page.(*ogen.EventPage)
	if !ok || len(listed.Events) != 1 {
		return fmt.Errorf("the event is not listed: %+v", page)
	}
	fmt.Println(listed.Events[0].ID == created.Response.ID, listed.Events[0].Payload["n"])
	return nil
}
