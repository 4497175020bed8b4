//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/apier/apier/bench/internal/stat"
)

const (
	growthTypes    = 20 // kind.0 …, all of which every tenth source sends but the last
	growthSources  = 10
	growthBatch    = 1000
	growthWithin   = 2           // times
	growthRare     = 100         // events of the rare type, all of them among the first: a page of them is full at either size
	growthMost     = 50          // times that a question is asked whose answers come fast
	growthPatience = time.Second // the answers to one may take this in all before it is asked no oftener than it must be
)

// question is one request whose time should not depend on how much there is.
type question struct{ name, path string }

func questions(middle string, since time.Time) []question {
	events := func(name string, pairs ...string) question {
		q := url.Values{"limit": {"50"}}
		for i := 0; i < len(pairs); i += 2 {
			q.Set(pairs[i], pairs[i+1])
		}
		return question{name, "/api/events?" + q.Encode()}
	}
	return []question{
		events("list, first page"),
		events("list, page from the middle", "starting_after", middle),
		events("status", "status", "pending"),
		events("status that no event has", "status", "failed"),
		events("type", "type", "kind.7"),
		events("type, glob", "type", "kind.*"),
		events("type that is rare", "type", "rare.thing"),
		events("source", "source", "service-3"),
		events("type and source", "type", "kind.7", "source", "service-7"),
		events("type and source that never meet", "type", "kind.7", "source", "service-3"),
		events("type, source and status", "type", "kind.7", "source", "service-7", "status", "pending"),
		events("created after", "created_after", since.UTC().Format(time.RFC3339)),
		events("search, found often", "search", "ord_1"),
		events("search, found nowhere", "search", "nobody-wrote-this"),
		{"one event", "/api/events/" + middle},
		{"metrics, summary", "/api/metrics/summary"},
		{"metrics, latency", "/api/metrics/latency?range=24h"},
		{"metrics, throughput", "/api/metrics/throughput?range=24h"},
		{"metrics, errors", "/api/metrics/errors"},
	}
}

// growth asks the same of a small and of a large store.
func (b *bench) growth(ctx context.Context) (err error) {
	server, err := b.startApier(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	sizes, stored := b.plan.growth, 0
	var answers [2][][]float64 // at each size, of each question: ms
	var asked []question
	start := time.Now()
	for i, size := range sizes {
		middle, err := b.fill(ctx, server, stored, size)
		if err != nil {
			return err
		}
		stored = size
		asked = questions(middle, start)
		if answers[i], err = b.ask(ctx, server, asked); err != nil {
			return err
		}
		b.log("  asked with %d events", size)
	}
	b.report.section(fmt.Sprintf("Growth: from %d to %d events, time from request to answer", sizes[0], sizes[1]))
	for i, q := range asked {
		small, large := answers[0][i], answers[1][i]
		b.report.add(q.name+", large", "ms", large, goal{})
		ratio := stat.Summarise(large).Median / stat.Summarise(small).Median
		b.report.add(q.name+", large ÷ small", "×", []float64{ratio}, atMost(growthWithin))
	}
	if !b.wantsProfile() {
		return nil
	}
	return b.explainOn(ctx, server, func(s *apierServer) error {
		_, err := b.ask(ctx, s, asked)
		return err
	})
}

// fill stores events number from to below to, and gives the id of one in the middle.
func (b *bench) fill(ctx context.Context, s *apierServer, from, to int) (middle string, err error) {
	half := (from + to) / 2
	for from < to && ctx.Err() == nil {
		body := []byte{'['}
		first := from
		for range min(growthBatch, to-from) {
			if len(body) > 1 {
				body = append(body, ',')
			}
			body = appendVaried(body, from)
			from++
		}
		text, err := s.call(ctx, http.MethodPost, "/api/events/batch", append(body, ']'))
		if err != nil {
			return "", err
		}
		if half >= first && half < from {
			var receipts struct{ Events []struct{ ID string } }
			if err := json.Unmarshal(text, &receipts); err != nil {
				return "", err
			}
			middle = receipts.Events[half-first].ID
		}
	}
	return middle, ctx.Err()
}

// appendVaried appends event i. Its type and its source are of the same remainder, so that most pairs of the two
// never meet.
func appendVaried(dst []byte, i int) []byte {
	const everyTenth = 10
	kind := fmt.Sprintf("kind.%d", i%growthTypes)
	if i%everyTenth == 0 && i < growthRare*everyTenth {
		kind = "rare.thing"
	}
	return fmt.Appendf(dst, `{"type":%q,"source":"service-%d","payload":{"order_id":"ord_%d","note":"%0120d"}}`, kind, i%growthSources, i, i)
}

// ask asks each question several times, in turns, and more often where that costs little: single answers of a
// millisecond say more of the machine than of the store.
func (b *bench) ask(ctx context.Context, s *apierServer, asked []question) ([][]float64, error) {
	times := make([][]float64, len(asked))
	spent := make([]time.Duration, len(asked))
	for round := range growthMost + 1 {
		for i, q := range asked {
			if round > b.plan.questions && spent[i] > growthPatience {
				continue
			}
			start := time.Now()
			if _, err := s.call(ctx, http.MethodGet, q.path, nil); err != nil {
				return nil, err
			}
			took := time.Since(start)
			spent[i] += took
			if round > 0 { // the first fills caches
				times[i] = append(times[i], float64(took.Microseconds())/1e3)
			}
		}
	}
	return times, nil
}
