package broker

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// Background runs what goes on beside requests, until ctx ends: the rings'
// rotation, the feed of negative facts, providers' metadata, the purge of old
// rows. It returns when all of it has stopped.
func (b *Broker) Background(ctx context.Context) {
	jobs := []func(context.Context){
		b.sealing.Run, b.signing.Run, b.negative.Run, b.board.Run, b.contact.Run, b.status.Run, b.hints.Run, b.probes.Run,
		b.outages.Run, b.secrets.Run, b.instances.Run, b.roster.Run, b.coverage.Run, b.history.Run, b.drills.Run, b.followStore, b.websites.Run, b.metrics.unfinished.run, b.purge, b.ship,
	}
	if b.peer != nil {
		jobs = append(jobs, b.peer.Run)
	}
	if b.wire != nil {
		jobs = append(jobs, b.wire.Run, b.borrow.Run, b.catchUp)
	}
	if b.handoffs.log != nil {
		jobs = append(jobs, b.handoffs.log.Run)
	}
	for _, p := range b.providers {
		if p, ok := p.(interface{ Run(context.Context) }); ok {
			jobs = append(jobs, p.Run)
		}
	}
	var running sync.WaitGroup
	for _, job := range jobs {
		running.Go(func() { job(ctx) })
	}
	running.Wait()
}

// Run serves the configured listeners until ctx ends, and then stops as the
// configuration says: it serves on for a while in which it is not ready, and then
// lets requests under way finish.
func (b *Broker) Run(ctx context.Context) error {
	public, err := listen(ctx, b.config.Listen)
	if err != nil {
		return err
	}
	if b.config.TLS != nil {
		certificate := &certificateFile{certFile: b.config.TLS.CertFile, keyFile: b.config.TLS.KeyFile}
		if _, err := certificate.load(nil); err != nil {
			return errors.Join(err, public.Close())
		}
		public = tls.NewListener(public, &tls.Config{
			GetCertificate: certificate.load, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		})
	}
	servers := []served{{Server(b.Handler()), public}}
	if b.config.Admin != "" {
		private, err := listen(ctx, b.config.Admin)
		if err != nil {
			return errors.Join(err, public.Close())
		}
		servers = append(servers, served{Server(b.AdminHandler()), private})
	}
	b.logger.LogAttrs(ctx, slog.LevelInfo, "serving", slog.String("event", "node.serving"),
		slog.String("issuer", b.config.Issuer.String()), slog.String("site", b.config.Site))
	if b.options.OnServing != nil {
		b.options.OnServing()
	}
	return b.serveAll(ctx, servers)
}

// served is a server and where it listens.
type served struct {
	server   *http.Server
	listener net.Listener
}

// serveAll runs servers and background work until ctx ends or a server fails. The
// first server is the public one; the others outlive it, so that probes see it go.
func (b *Broker) serveAll(ctx context.Context, servers []served) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var running sync.WaitGroup
	running.Go(func() { b.Background(background) })
	failed := make(chan error, len(servers))
	for _, s := range servers {
		running.Go(func() { failed <- s.server.Serve(s.listener) })
	}
	var result error
	select {
	case <-ctx.Done():
		result = b.drain(failed)
	case result = <-failed:
	}
	shut, cancel := context.WithTimeout(background, b.finish())
	defer cancel()
	for _, s := range servers {
		result = errors.Join(result, s.server.Shutdown(shut))
	}
	stop()
	running.Wait()
	if errors.Is(result, http.ErrServerClosed) {
		return nil
	}
	return result
}

// drain serves on for the configured while as a node that is about to stop.
func (b *Broker) drain(failed <-chan error) error {
	b.draining.Store(true)
	b.logger.LogAttrs(context.Background(), slog.LevelInfo, "stopping", slog.String("event", "node.draining"),
		slog.Duration("wait", b.config.Drain.Wait), slog.Duration("finish", b.finish()))
	over := time.NewTimer(b.config.Drain.Wait)
	defer over.Stop()
	select {
	case <-over.C:
		return nil
	case err := <-failed:
		return err
	}
}

// finish is how long requests under way may take when the node stops.
func (b *Broker) finish() time.Duration {
	return cmp.Or(b.config.Drain.Finish, 10*time.Second)
}

// Server returns an HTTP server with our bounds on what a stranger may make us
// hold: sizes, and patience with slow ones.
func Server(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, MaxHeaderBytes: maxHeaderBytes,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: 90 * time.Second,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return l, nil
}

// certificateFile serves a certificate from two files and reads them again
// when they change, at most once a minute. A broken new one leaves the old in use.
type certificateFile struct {
	certFile, keyFile string

	mu      sync.Mutex
	looked  time.Time
	changed time.Time
	current *tls.Certificate
}

func (c *certificateFile) load(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != nil && time.Since(c.looked) < time.Minute {
		return c.current, nil
	}
	c.looked = time.Now()
	at, err := c.modified()
	if err == nil && c.current != nil && at.Equal(c.changed) {
		return c.current, nil
	}
	var pair tls.Certificate
	if err == nil {
		pair, err = tls.LoadX509KeyPair(c.certFile, c.keyFile)
	}
	switch {
	case err == nil:
		c.current, c.changed = &pair, at
	case c.current == nil:
		return nil, fmt.Errorf("load certificate: %w", err)
	}
	return c.current, nil
}

func (c *certificateFile) modified() (time.Time, error) {
	var latest time.Time
	for _, name := range []string{c.certFile, c.keyFile} {
		found, err := os.Stat(name)
		if err != nil {
			return time.Time{}, err
		}
		if found.ModTime().After(latest) {
			latest = found.ModTime()
		}
	}
	return latest, nil
}

// purge deletes, once an hour, rows that nobody needs any more.
func (b *Broker) purge(ctx context.Context) {
	const batch = 1000
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for _, purge := range []func(context.Context, time.Time, int) (int, error){
				b.store.PurgeGrants, b.store.PurgeFacts, b.store.PurgeLogouts, b.store.PurgeAssertions, b.purgeActivity, b.purgeEvents, b.purgeSecretUses,
			} {
				for n := batch; n == batch && ctx.Err() == nil; {
					var err error
					if n, err = purge(ctx, now.UTC(), batch); err != nil {
						b.logger.LogAttrs(ctx, slog.LevelWarn, "purge", slog.String("event", "store.purge_failed"), slog.Any("error", err))
						break
					}
				}
			}
		}
	}
}
