package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// result is one number.
type result struct {
	took    []time.Duration // by each that was done
	failed  int
	first   error // of the failures
	cpu     time.Duration
	commits int // at the database; 0 where nobody counts
}

// and is both together.
func (r result) and(more result) result {
	return result{
		took: append(r.took, more.took...), failed: r.failed + more.failed, first: cmp.Or(r.first, more.first),
		cpu: r.cpu + more.cpu, commits: r.commits + more.commits,
	}
}

// percentile is how long all but so many of a hundred took at most.
func (r result) percentile(p int) time.Duration {
	if len(r.took) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(r.took))
	return sorted[len(sorted)*p/100]
}

// perCPU is how many were done per CPU-second of server and database.
func (r result) perCPU() float64 {
	if r.cpu <= 0 {
		return 0
	}
	return float64(len(r.took)) / r.cpu.Seconds()
}

// task is one thing to do, by a browser or website of its own.
type task func(ctx context.Context, c *http.Client, worker, n int) error

// measure does a task by n workers for a while and counts the server's time. What
// has begun is finished: it cost something.
func measure(ctx context.Context, p *process, n int, each time.Duration, do task) result {
	var mu sync.Mutex
	var total result
	before, end := p.cpu(), time.Now().Add(each)
	var running sync.WaitGroup
	for worker := range n {
		running.Go(func() {
			c := newClient()
			defer c.CloseIdleConnections()
			var mine result
			for i := 0; time.Now().Before(end) && ctx.Err() == nil; i++ {
				began := time.Now()
				if err := do(ctx, c, worker, i); err != nil {
					mine.failed++
					mine.first = cmp.Or(mine.first, err)
					continue
				}
				mine.took = append(mine.took, time.Since(began))
			}
			mu.Lock()
			defer mu.Unlock()
			total = total.and(mine)
		})
	}
	running.Wait()
	total.cpu = p.cpu() - before
	return total
}

func newClient() *http.Client {
	return &http.Client{
		Timeout:       10 * time.Second,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 2, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// call sends r and returns the answer with its body read.
func call(c *http.Client, r *http.Request, want int) (*http.Response, []byte, error) {
	answer, err := c.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return nil, nil, err
	}
	if answer.StatusCode != want {
		return nil, nil, fmt.Errorf("%s %s: %s, want %d: %.200s", r.Method, r.URL.Path, answer.Status, want, body)
	}
	return answer, body, nil
}

// fetching is the task of reading url.
func fetching(url, bearer string) task {
	return func(ctx context.Context, c *http.Client, _, _ int) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if bearer != "" {
			r.Header.Set("Authorization", "Bearer "+bearer)
		}
		_, _, err = call(c, r, http.StatusOK)
		return err
	}
}
