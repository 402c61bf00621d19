package demo

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// passedOn are the parameters of /login that the issuer is asked with, so that
// every way of asking can be tried from the address bar.
var passedOn = []string{"acr_values", "idp_hint", "login_hint", "max_age", "prompt", "ui_locales"}

// maxParameter bounds each of them, in bytes.
const maxParameter = 512

// login sends the browser to the issuer. A language chosen here is wished for
// there, too.
func (s *Site) login(w http.ResponseWriter, r *http.Request) error {
	known, err := s.party.discover(r.Context())
	if err != nil {
		return failure{Status: http.StatusServiceUnavailable, Reason: reasonSilent, cause: err}
	}
	began := pending{verifier: oauth2.GenerateVerifier(), began: s.options.Now()}
	var state string
	for _, value := range []*string{&state, &began.nonce} {
		if *value, err = s.random(); err != nil {
			return err
		}
	}
	id, err := s.visitID(w, r)
	if err != nil {
		return err
	}
	s.visits.begin(id, state, began)

	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(began.verifier), oidc.Nonce(began.nonce)}
	lang, chosen := s.language(w, r)
	query := r.URL.Query()
	if chosen && query.Get("ui_locales") == "" {
		query.Set("ui_locales", lang)
	}
	for _, name := range passedOn {
		if value := query.Get(name); value != "" && len(value) <= maxParameter {
			options = append(options, oauth2.SetAuthURLParam(name, value))
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, known.config.AuthCodeURL(state, options...), http.StatusFound)
	return nil
}

// callback is where the issuer sends the browser back: with a code that
// becomes a login, or with an error that becomes a page.
func (s *Site) callback(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	for _, name := range []string{"code", "state", "error", "iss"} {
		if len(query[name]) > 1 {
			return failure{Status: http.StatusBadRequest, Reason: reasonStale, cause: errors.New("doubled parameter")}
		}
	}
	id := s.readVisit(r)
	began, ok := s.visits.take(id, query.Get("state"))
	if !ok {
		return failure{Status: http.StatusBadRequest, Reason: reasonStale}
	}
	if err := s.checkSender(r, query); err != nil {
		return err
	}
	if code := query.Get("error"); code != "" {
		return answered(code, query.Get("error_description"))
	}
	token, err := s.party.redeem(r.Context(), query.Get("code"), began)
	if err != nil {
		return err
	}
	return s.enter(w, r, id, token)
}

// checkSender refuses an answer that another issuer gave (RFC 9207 2.4).
func (s *Site) checkSender(r *http.Request, query url.Values) error {
	known, err := s.party.discover(r.Context())
	if err != nil {
		return failure{Status: http.StatusServiceUnavailable, Reason: reasonSilent, cause: err}
	}
	if iss := query.Get("iss"); iss != s.options.Issuer && (iss != "" || known.saysIssuer) {
		return failure{Status: http.StatusBadRequest, Reason: reasonStale, cause: errors.New("another issuer answered")}
	}
	return nil
}

// answered is the page of an error that the issuer sent.
func answered(code, description string) failure {
	f := failure{
		Status: http.StatusOK, Reason: reasonAnswer, Code: clean(code), Description: clean(description),
		cause: errors.New("the issuer answered with an error"),
	}
	switch code {
	case "access_denied":
		f.Reason = reasonDenied
	case "temporarily_unavailable":
		f.Status, f.Reason = http.StatusServiceUnavailable, reasonBusy
	}
	return f
}

// enter logs in whom the token names.
func (s *Site) enter(w http.ResponseWriter, r *http.Request, id string, token received) error {
	fresh, err := s.random()
	if err != nil {
		return err
	}
	who := person{subject: token.text("sub"), name: token.text("name"), token: token}
	now := entry{way: clean(token.text("bongsu_way")), at: s.options.Now(), subject: who.subject, down: s.down()}
	before := s.visits.enter(id, fresh, who, now)
	s.setVisit(w, fresh)
	if s.options.OnLogin != nil {
		s.options.OnLogin(Login{
			Way: now.way, Past: before != nil, Same: before != nil && before.subject == now.subject,
		})
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

// logout ends the session here, then asks the issuer to end its own. Another
// site cannot make a browser do it.
func (s *Site) logout(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	if r.Header.Get("Sec-Fetch-Site") == "cross-site" {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return nil
	}
	who := s.visits.leave(s.readVisit(r))
	known, err := s.party.discover(r.Context())
	if who == nil || err != nil || known.endSession == "" {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return nil
	}
	target, err := url.Parse(known.endSession)
	if err != nil {
		return fmt.Errorf("end session endpoint: %w", err)
	}
	query := target.Query()
	query.Set("id_token_hint", who.token.raw)
	query.Set("client_id", s.options.ClientID)
	query.Set("post_logout_redirect_uri", s.options.URL+"/")
	target.RawQuery = query.Encode()
	http.Redirect(w, r, target.String(), http.StatusSeeOther)
	return nil
}

func (s *Site) down() []string {
	if s.options.Down == nil {
		return nil
	}
	return s.options.Down()
}

// random returns 128 random bits as text.
func (s *Site) random() (string, error) {
	var raw [16]byte
	if _, err := io.ReadFull(s.options.Rand, raw[:]); err != nil {
		return "", fmt.Errorf("read randomness: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(raw[:]), nil
}

// visitID returns the browser's visit, beginning one where there is none.
func (s *Site) visitID(w http.ResponseWriter, r *http.Request) (string, error) {
	if id := s.readVisit(r); id != "" {
		return id, nil
	}
	id, err := s.random()
	if err != nil {
		return "", err
	}
	s.setVisit(w, id)
	return id, nil
}

func (s *Site) readVisit(r *http.Request) string {
	found := r.CookiesNamed(s.cookie)
	if len(found) != 1 || len(found[0].Value) != 22 {
		return ""
	}
	return found[0].Value
}

func (s *Site) setVisit(w http.ResponseWriter, id string) {
	http.SetCookie(w, &http.Cookie{
		Name: s.cookie, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// clean keeps at most 300 characters of what somebody else wrote, each one
// that can be printed in one line.
func clean(text string) string {
	kept := strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c == 0xfffd {
			return -1
		}
		return c
	}, text)
	if runes := []rune(kept); len(runes) > 300 {
		kept = string(runes[:300]) + "…"
	}
	return kept
}
