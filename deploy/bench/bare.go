package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"io"
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

// bare is the bare server while everything is measured: asleep, and woken right
// before and after each row by as many workers. What a machine does for others in
// the same minute slows both.
type bare struct {
	*process

	site *website
	each time.Duration // of one measurement
}

func startBare(ctx context.Context, s settings) (*bare, error) {
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
	return &bare{p, &website{issuer: "http://" + address}, s.each / 4}, nil
}

// perCPU measures the bare server by n workers: one token each time, or the
// document if there is one.
func (b *bare) perCPU(ctx context.Context, n int, document []byte) (float64, error) {
	if document == nil {
		return measure(ctx, b.process, n, b.each, b.site.own).perCPU(), nil
	}
	at := b.site.issuer + "/document"
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, at, bytes.NewReader(document))
	if err != nil {
		return 0, err
	}
	c := newClient()
	defer c.CloseIdleConnections()
	if _, _, err := call(c, r, http.StatusOK); err != nil {
		return 0, err
	}
	return measure(ctx, b.process, n, b.each, fetching(at, "")).perCPU(), nil
}

// beside are the bare server's numbers before and after a row.
type beside struct{ before, after float64 }

// ratio is what a row reaches of the bare server, in percent.
func (b beside) ratio(r result) float64 {
	return 100 * r.perCPU() / ((b.before + b.after) / 2)
}

// around measures a task between two measurements of the bare server.
func (b *bare) around(ctx context.Context, n int, document []byte, row func() result) (result, beside, error) {
	var near beside
	var err error
	if near.before, err = b.perCPU(ctx, n, document); err != nil {
		return result{}, near, err
	}
	r := row()
	near.after, err = b.perCPU(ctx, n, document)
	return r, near, err
}
