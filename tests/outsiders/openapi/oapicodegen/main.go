// Command oapicodegen posts an event and lists it, with the client that oapi-codegen makes of
// openapi.json. It prints what the payload of the listed event holds.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/apier/apier/tests/outsiders/generated/oapicodegen"
)

func main() {
	if err := run(context.Background(), os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, server, key string) error {
	auth := func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+key)
		return nil
	}
	c, err := oapicodegen.NewClientWithResponses(server, oapicodegen.WithRequestEditorFn(auth))
	if err != nil {
		return err
	}
	event := oapicodegen.NewEvent{Type: "outsider.oapicodegen", Source: "test", Payload: map[string]any{"n": 7}}
	created, err := c.CreateEventWithResponse(ctx, nil, event)
	if err != nil {
		return err
	}
	if created.JSON201 == nil {
		return fmt.Errorf("the event is refused: %s", created.Body)
	}
	types := oapicodegen.Type{"outsider.oapicodegen"}
	listed, err := c.ListEventsWithResponse(ctx, &oapicodegen.ListEventsParams{Type: &types})
	if err != nil {
		return err
	}
	if listed.JSON200 == nil || len(listed.JSON200.Events) != 1 {
		return fmt.Errorf("the event is not listed: %s", listed.Body)
	}
	fmt.Println(listed.JSON200.Events[0].Id == created.JSON201.Id, listed.JSON200.Events[0].Payload["n"])
	return nil
}
