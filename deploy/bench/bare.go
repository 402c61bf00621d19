package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// maxDocument bounds what the bare server is told to serve, in bytes.
const maxDocument = 1 << 20

// serveBare is what everything is compared with: net/http and one ES256
// signature by go-jose, or the bytes that it was told to serve, and nothing else.
func serveBare(address string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
	if err != nil {
		return err
	}
	claims := []byte(`{"iss":"http://localhost","sub":"bench","aud":"http://localhost","exp":2000000000,"iat":1900000000,"jti":"0123456789"}`)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		signed, err := signer.Sign(claims)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		compact, _ := signed.CompactSerialize()
		answerJSON(w, []byte(`{"access_token":"`+compact+`","token_type":"Bearer","expires_in":600}`))
	})
	serveDocument(mux)
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	return server.ListenAndServe()
}

// serveDocument serves the bytes that were put there last.
func serveDocument(mux *http.ServeMux) {
	var document atomic.Pointer[[]byte]
	document.Store(&[]byte{})
	mux.HandleFunc("GET /document", func(w http.ResponseWriter, _ *http.Request) {
		body := *document.Load()
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		answerJSON(w, body)
	})
	mux.HandleFunc("PUT /document", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxDocument))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		document.Store(&body)
	})
}

// bare is the bare server while everything is measured: asleep, and woken by as
// many workers between the slices of each row. What a machine does for others in
// the same second slows both.
type bare struct {
	*process

	site *website
}

func startBare(ctx context.Context) (*bare, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	p, err := start(ctx, os.Stderr, self, "bare", address)
	if err != nil {
		return nil, err
	}
	if _, err := awaitAnswer(ctx, "http://"+address+"/document"); err != nil {
		p.stop()
		return nil, err
	}
	return &bare{p, &website{issuer: "http://" + address}}, nil
}

// task is what the bare server does beside a row: sign a token, or serve the
// document if there is one.
func (b *bare) task(ctx context.Context, document []byte) (task, error) {
	if document == nil {
		return b.site.own, nil
	}
	at := b.site.issuer + "/document"
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, at, bytes.NewReader(document))
	if err != nil {
		return nil, err
	}
	c := newClient()
	defer c.CloseIdleConnections()
	_, _, err = call(c, r, http.StatusOK)
	return fetching(at, ""), err
}

// parts is in how many parts a row is measured.
const parts = 4

// beside is a row with what the bare server did around its parts.
type beside struct {
	result

	bare    result
	low, up float64 // ratio of single parts, in percent
}

func ratio(r, bare result) float64 { return 100 * r.perCPU() / bare.perCPU() }

// around measures a row in parts, and the bare server before, between and after
// them, each time for half as long as a part.
func (b *bare) around(ctx context.Context, n int, each time.Duration, document []byte, row func(part time.Duration) result) (beside, error) {
	do, err := b.task(ctx, document)
	if err != nil {
		return beside{}, fmt.Errorf("bare server: %w", err)
	}
	part := each / parts
	before := measure(ctx, b.process, n, part/2, do)
	all := beside{bare: before, low: math.Inf(1)}
	for range parts {
		r := row(part)
		after := measure(ctx, b.process, n, part/2, do)
		here := ratio(r, before.and(after))
		all.low, all.up = min(all.low, here), max(all.up, here)
		all.result, all.bare = all.and(r), all.bare.and(after)
		before = after
	}
	return all, ctx.Err()
}
