package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// serveBare is what everything is compared with: net/http and one ES256
// signature by go-jose, and nothing else.
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
	document := []byte(`{"keys":[` + strings.Repeat("x", 1500) + `]}`)
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
	mux.HandleFunc("GET /document", func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, document) })
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	return server.ListenAndServe()
}

// bareNumbers are the bare server's, per CPU-second.
type bareNumbers struct{ token, document float64 }

func measureBare(ctx context.Context, s settings) (bareNumbers, error) {
	port, err := freePort()
	if err != nil {
		return bareNumbers{}, err
	}
	self, err := os.Executable()
	if err != nil {
		return bareNumbers{}, err
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	p, err := start(ctx, os.Stderr, self, "bare", address)
	if err != nil {
		return bareNumbers{}, err
	}
	defer p.stop()
	if _, err := awaitAnswer(ctx, "http://"+address+"/document"); err != nil {
		return bareNumbers{}, err
	}
	w := &website{issuer: "http://" + address}
	token := measure(ctx, p, 8, s.each, w.own)
	document := measure(ctx, p, 8, s.each, fetching(w.issuer+"/document", ""))
	fmt.Printf("bare net/http        per CPU-s      p50      p99  errors\n")
	printRow("one ES256 token", 8, token, 0)
	printRow("prepared document", 8, document, 0)
	return bareNumbers{token.perCPU(), document.perCPU()}, nil
}
