package dev_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bongsu/bongsu/broker/admin"
	"github.com/bongsu/bongsu/broker/brokertest"
	"github.com/bongsu/bongsu/broker/dev"
	"github.com/bongsu/bongsu/broker/dev/loopback"
	"github.com/bongsu/bongsu/providers/fakeidp"
)

func TestOnlyLoopbackHosts(t *testing.T) {
	i := brokertest.Start(t)
	for _, base := range []string{i.Issuer(), i.Demo(), i.Switchboard(), i.Sites()[0].Admin()} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = "evil.example:80"
		response := roundTrip(t, request)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusMisdirectedRequest {
			t.Errorf("%s answers %d to a foreign host", base, response.StatusCode)
		}
	}
}

func TestIssuersThatAreRefused(t *testing.T) {
	tests := []struct {
		name   string
		issuer string
		public bool // refused because others could reach it
	}{
		{"a public https issuer", "https://login.example.com", true},
		{"a public http issuer", "http://login.example.com:18517", true},
		{"a private address", "http://192.168.0.5:18517", true},
		{"https on loopback", "https://localhost:18517", true},
		{"user information", "http://localhost:18517@evil.example", true},
		{"no URL", "http://local host", true},
		{"a path", "http://localhost:18517/op", false},
		{"another port", "http://localhost:1", false},
		{"no port", "http://localhost", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			i, err := dev.New(t.Context(), dev.Options{Issuer: tt.issuer})
			if err == nil {
				t.Fatalf("accepted; stop: %v", i.Stop())
			}
			if got := errors.Is(err, dev.ErrPublicIssuer); got != tt.public {
				t.Errorf("error %v, public %v", err, tt.public)
			}
		})
	}
}

func TestPortsThatCannotBe(t *testing.T) {
	for _, port := range []int{-1, 65534, 70000} {
		if err := dev.Run(t.Context(), dev.Options{Port: port}); err == nil {
			t.Errorf("port %d was accepted", port)
		}
	}
}

// A port that is taken is named, with the way out, and nothing is left behind.
func TestTakenPort(t *testing.T) {
	taken, port, err := loopback.Listen(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range taken {
		defer func() { _ = l.Close() }()
	}
	var out bytes.Buffer
	err = dev.Run(t.Context(), dev.Options{Port: port - 2, Out: &out}) // the switchboard's
	if !errors.Is(err, loopback.ErrInUse) || !strings.Contains(err.Error(), fmt.Sprint(port)) || !strings.Contains(err.Error(), "--port") {
		t.Errorf("error %v", err)
	}
	if out.Len() > 0 {
		t.Errorf("printed %q", out.String())
	}
}

// The command prints where things stand, then Ready, and ends without a trace.
func TestRun(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	ctx, stop := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := dev.Run(ctx, dev.Options{Out: writer})
		ended <- errors.Join(err, writer.Close())
	}()
	var printed strings.Builder
	buffer := make([]byte, 4096)
	for !strings.Contains(printed.String(), "Ready") {
		n, err := reader.Read(buffer)
		if err != nil {
			t.Fatalf("%v after %q", err, printed.String())
		}
		printed.Write(buffer[:n])
	}
	banner, ready, _ := strings.Cut(printed.String(), "\nReady")
	if !regexp.MustCompile(`^ in \d+\.\d s\. Ctrl-C stops and forgets everything\.\n$`).MatchString(ready) {
		t.Errorf("the last line is %q", ready)
	}
	issuer := regexp.MustCompile(`BONGSU_ISSUER=(http://localhost:\d+)`).FindStringSubmatch(banner)
	for _, want := range []string{"BONGSU_CLIENT_ID=demo\n", "BONGSU_CLIENT_SECRET=demo-secret\n", "kakao naver line google apple", "minji"} {
		if !strings.Contains(banner, want) {
			t.Errorf("the banner does not say %q", want)
		}
	}
	if issuer == nil {
		t.Fatalf("the banner names no issuer: %q", banner)
	}
	status, body := call(t, http.MethodGet, issuer[1]+"/.well-known/openid-configuration", "")
	var discovery struct{ Issuer string }
	if err := json.Unmarshal([]byte(body), &discovery); err != nil || status != http.StatusOK || discovery.Issuer != issuer[1] {
		t.Errorf("discovery answers %d %s", status, body)
	}

	operatorsSee(t, banner)

	stop()
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(os.TempDir(), "*")); err != nil || len(left) > 0 {
		t.Errorf("left behind %v, %v", left, err)
	}
}

// operatorsSee gives the command that the banner names: with the credential it
// is answered, without it or for another host it is not.
func operatorsSee(t *testing.T, banner string) {
	t.Helper()
	said := regexp.MustCompile(`bongsu health --admin (http://localhost:\d+) --credential (\S+)\n`).FindStringSubmatch(banner)
	if said == nil {
		t.Fatalf("the banner names no command for operators: %q", banner)
	}
	at, err := url.Parse(said[1])
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(said[2])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the credential: %v, %v", info, err)
	}
	credential, err := os.ReadFile(said[2])
	if err != nil {
		t.Fatal(err)
	}
	operator, err := admin.NewClient(at, strings.TrimSpace(string(credential)))
	if err != nil {
		t.Fatal(err)
	}
	if seen, err := operator.Health(t.Context()); err != nil || seen.Site != "dev" || len(seen.Rows) != 5 {
		t.Errorf("an operator sees %+v, %v", seen, err)
	}
	if status, _ := call(t, http.MethodGet, said[1]+"/admin/health", ""); status != http.StatusUnauthorized {
		t.Errorf("without a credential the answer is %d", status)
	}
}

// An instance stops at once though a dark provider holds a request.
func TestStopDoesNotWaitForADarkProvider(t *testing.T) {
	i := brokertest.Start(t, func(o *dev.Options) { o.HoldFor = time.Minute })
	kakao, _ := i.Upstreams().Upstream("kakao")
	if err := kakao.SetFault(fakeidp.Dark); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, kakao.URL(fakeidp.Cancel), nil)
	if err != nil {
		t.Fatal(err)
	}
	held := make(chan struct{})
	before := kakao.Count(fakeidp.Cancel)
	go func() {
		defer close(held)
		if response, err := transport.RoundTrip(request); err == nil {
			_ = response.Body.Close()
		}
	}()
	for kakao.Count(fakeidp.Cancel) == before {
		select {
		case <-t.Context().Done():
			t.Fatal("the request never arrived")
		case <-time.After(time.Millisecond):
		}
	}
	began := time.Now()
	if err := i.Stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if took := time.Since(began); took > 30*time.Second { // not the minute that it holds
		t.Errorf("stopping took %v", took)
	}
	<-held
}
