package oauth

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// retryAfter is what a 429 or 503 asks for unless the error says otherwise:
// longer than a failover of the store takes, shorter than a person's patience.
const retryAfter = 5 * time.Second

// WriteJSON answers status with v as JSON that nobody may store. A v that
// cannot be encoded is a programming error and answers 500.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // an error means that the reader is gone; nobody is left to tell
}

// WriteError answers err as JSON (RFC 6749 5.2), with a challenge where the
// standards ask for one and Retry-After where retrying helps. An error that is
// no [*Error] becomes a server_error that shows nothing of it.
func WriteError(w http.ResponseWriter, err error) {
	e := As(err)
	if c := e.wwwAuthenticate(); c != "" {
		w.Header().Set("WWW-Authenticate", c)
	}
	if e.Status == http.StatusServiceUnavailable || e.Status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", strconv.FormatInt(e.retrySeconds(), 10))
	}
	status := e.Status
	if status == 0 {
		status = http.StatusBadRequest
	}
	WriteJSON(w, status, struct {
		Error       string `json:"error"`
		Description string `json:"error_description,omitempty"`
	}{e.Code, printable(e.Description)})
}

func (e *Error) retrySeconds() int64 {
	d := e.retryAfter
	if d <= 0 {
		d = retryAfter
	}
	return int64((d + time.Second - 1) / time.Second)
}

// wwwAuthenticate returns the challenge: Basic for client authentication (RFC
// 6749 5.2), Bearer with the error for access tokens (RFC 6750 3).
func (e *Error) wwwAuthenticate() string {
	const realm = ` realm="bongsu"`
	switch {
	case e.challenge == "":
		return ""
	case e.challenge == "Basic":
		return "Basic" + realm + `, charset="UTF-8"`
	case e.bare:
		return e.challenge + realm
	}
	return e.challenge + realm + `, error="` + e.Code + `", error_description="` + printable(e.Description) + `"`
}
