package delivery

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apier/apier"
)

// However many endpoints of one tenant hang, the attempts of another begin, and not only one at a time.
func TestATenantThatHangsLeavesPlaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d *Dispatcher
		s := openSQLite(t, func(tenant apier.TenantID, endpoint apier.EndpointID, at apier.Timestamp) {
			d.Wake(tenant, endpoint, at)
		})
		d = New(s, Options{MaxInFlight: 64, StopTimeout: time.Millisecond})
		var mu sync.Mutex
		underWay := map[string]int{} // by source, which is the tenant
		d.send = func(ctx context.Context, m message) (apier.Attempt, http.Header, error) {
			mu.Lock()
			underWay[m.source]++
			mu.Unlock()
			<-ctx.Done()
			return apier.Attempt{ErrorKind: apier.ErrorTimeout}, nil, nil
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- d.Run(ctx) }()
		synctest.Wait()
		busy := func(tenant apier.TenantID, endpoints int) int {
			t.Helper()
			for range endpoints {
				e := apier.Endpoint{URL: "https://shop.example", MaxInFlight: 100, TimeoutMS: apier.TimeoutLimitMS}.WithDefaults()
				if _, err := s.CreateEndpoint(ctx, tenant, e, []byte("secret")); err != nil {
					t.Fatal(err)
				}
			}
			events := make([]apier.NewEvent, 50)
			for i := range events {
				events[i] = apier.NewEvent{Type: "a.b", Source: string(tenant), Payload: []byte(`{}`)}
			}
			if _, err := s.Append(ctx, tenant, events, nil); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Second) // lanes that found no place ask again
			mu.Lock()
			defer mu.Unlock()
			return underWay[string(tenant)]
		}
		if n := busy("greedy", 20); n < 20+40 || n > 20+48 {
			t.Errorf("alone, one tenant has %d under way, want three quarters of the shared places beside its lanes' own", n)
		}
		if n := busy("other", 1); n < 1+8 {
			t.Errorf("beside it, another has %d under way", n)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
