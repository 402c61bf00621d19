package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// result is one number.
type result struct {
	done, failed int
	first        error // of the failures
	cpu          time.Duration
	p50, p99     time.Duration
	commits      int // at the database; 0 where nobody counts
}

// perCPU is how many were done per CPU-second of server and database.
func (r result) perCPU() float64 {
	if r.cpu <= 0 {
		return 0
	}
	return float64(r.done) / r.cpu.Seconds()
}

// task is one thing to do, by a browser or website of its own.
type task func(ctx context.Context, c *http.Client, worker, n int) error

// measure does a task by n workers for a while and counts the server's time.
func measure(ctx context.Context, p *process, n int, each time.Duration, do task) result {
	ctx, cancel := context.WithTimeout(ctx, each)
	defer cancel()
	var mu sync.Mutex
	var total result
	var took []time.Duration
	before := p.cpu()
	var running sync.WaitGroup
	for worker := range n {
		running.Go(func() {
			c := newClient()
			defer c.CloseIdleConnections()
			var mine []time.Duration
			var failed int
			var first error
			for i := 0; ctx.Err() == nil; i++ {
				began := time.Now()
				err := do(ctx, c, worker, i)
				switch {
				case err == nil:
					mine = append(mine, time.Since(began))
				case !errors.Is(err, context.DeadlineExceeded):
					failed++
					first = err
				}
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, mine...)
			total.failed += failed
			if total.first == nil {
				total.first = first
			}
		})
	}
	running.Wait()
	total.cpu = p.cpu() - before
	total.done = len(took)
	if len(took) > 0 {
		slices.Sort(took)
		total.p50, total.p99 = took[len(took)/2], took[len(took)*99/100]
	}
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
