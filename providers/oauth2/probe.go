package oauth2

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bongsu/bongsu/providers"
	"github.com/bongsu/bongsu/providers/fetch"
)

const (
	// bogus stands where a code, a state, a nonce and a verifier belong. It is
	// constant, so that providers can tell our probes from people.
	bogus = "bongsu-probe-000000000000000000000000000000000"

	// maxPage bounds how much of a login page is looked at, in bytes.
	maxPage = 256 << 10

	// restFor is how long a provider is left alone that refuses a probe and does
	// not say for how long; restMost the longest that is believed.
	restFor  = time.Minute
	restMost = 24 * time.Hour

	// renewal is how long before its end a certificate is worth a word.
	renewal = 72 * time.Hour
)

// Levels returns the levels at which the wire can be probed. Without a callback
// URL there is nothing to show to the provider.
func (w *Wire) Levels() []providers.Level {
	if w.o.Callback == "" {
		return []providers.Level{providers.LevelReach}
	}
	return []providers.Level{providers.LevelReach, providers.LevelAuthorize, providers.LevelToken}
}

// Probe asks one question that belongs to no leg, and completes what do finds:
// an error is classified as in [Steps.Observe], but for a person who declined,
// because nobody was asked. Do may set Step, Code and RetryAfter. It asks on
// connections of its own, as people do who come for the first time.
func (s Steps) Probe(ctx context.Context, level providers.Level, step providers.Step, do func(context.Context, *providers.Probed) error) providers.Probed {
	found := providers.Probed{Provider: s.Provider, Level: level, Step: step, Outcome: providers.OK}
	start := s.Now()
	bound, cancel := context.WithTimeout(ctx, s.Timeout)
	err := do(fetch.Anew(bound), &found)
	cancel()
	found.Took = s.Now().Sub(start)
	if failed := s.failure(ctx, found.Step, err); failed != nil {
		found.Outcome, found.Code = failed.Outcome, failed.Code
	}
	if found.Outcome == providers.User {
		found.Outcome = providers.Unknown // nobody was asked
	}
	return found
}

// Place is a host that a provider stands on.
type Place struct {
	URL   string         // of an endpoint there
	Step  providers.Step // that ends without it
	Spare bool           // people log in without it
}

// ProbeReach opens a connection to every place, once for each host, and reports
// the worst: a certificate that does not hold, then a place that is needed, then
// one that is not, which is [providers.Partial].
func (w *Wire) ProbeReach(ctx context.Context, places []Place) providers.Probed {
	return w.steps.Probe(ctx, providers.LevelReach, providers.StepReach, func(ctx context.Context, found *providers.Probed) error {
		places = distinct(places)
		errs := make([]error, len(places))
		expires := make([]time.Time, len(places))
		var all sync.WaitGroup
		for i, at := range places {
			all.Go(func() {
				reached, err := w.o.Fetch.Reach(ctx, at.URL)
				errs[i], expires[i] = err, reached.Expires
			})
		}
		all.Wait()
		for _, ends := range expires {
			if !ends.IsZero() && ends.Sub(w.o.Now()) < renewal {
				found.Code = "certificate_ends"
			}
		}
		return worstPlace(places, errs, found)
	})
}

// distinct keeps the first place of each host; one that is needed makes its
// host needed.
func distinct(places []Place) []Place {
	var kept []Place
	at := map[string]int{}
	for _, p := range places {
		u, err := url.Parse(p.URL)
		if p.URL == "" || err != nil {
			continue
		}
		host := u.Scheme + "://" + u.Host
		if i, known := at[host]; known {
			kept[i].Spare = kept[i].Spare && p.Spare
			continue
		}
		at[host] = len(kept)
		kept = append(kept, p)
	}
	return kept
}

func worstPlace(places []Place, errs []error, found *providers.Probed) error {
	var spare, needed *providers.Error
	for i, err := range errs {
		if err == nil {
			continue
		}
		failed := Failed(err)
		switch {
		case failed.Outcome == providers.Trust:
			return failed
		case places[i].Spare:
			if failed.Outcome.Theirs() {
				failed.Outcome = providers.Partial
			}
			spare = failed
			found.Step = places[i].Step
		case needed == nil:
			needed = failed
		}
	}
	switch {
	case needed != nil:
		found.Step = providers.StepReach
		return needed
	case spare != nil:
		return spare
	}
	return nil
}

// ProbeAuthorize asks for the login page of our client as a browser would, with
// extra added to the parameters, and follows no redirect. It shows that the page
// comes, not that a password is accepted there.
func (w *Wire) ProbeAuthorize(ctx context.Context, extra url.Values) providers.Probed {
	return w.steps.Probe(ctx, providers.LevelAuthorize, providers.StepAuthorize, func(ctx context.Context, found *providers.Probed) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.AuthorizeURL(ProbeLeg(w.o.Callback), extra), http.NoBody)
		if err != nil {
			return Refuse(providers.Ours, "the authorization endpoint does not parse")
		}
		r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.5")
		r.Header.Set("User-Agent", Agent(w.o.Callback))
		answer, err := w.profile.Do(r)
		if errors.Is(err, fetch.ErrTooLarge) {
			return &providers.Error{Outcome: providers.Unknown, Code: fetch.CodeTooLarge, Err: Plain(err)} // some page comes
		}
		if err != nil {
			return err
		}
		body, err := io.ReadAll(io.LimitReader(answer.Body, maxPage))
		if err := errors.Join(err, answer.Body.Close()); err != nil {
			return err
		}
		found.RetryAfter = RetryAfter(answer.StatusCode, answer.Header, w.o.Now())
		page := Page{Status: answer.StatusCode, Location: answer.Header.Get("Location"), Body: string(body)}
		outcome, code := w.judgePage(page)
		found.Code = code
		if outcome != providers.OK {
			return &providers.Error{Outcome: outcome, Code: code, Err: errAnswer}
		}
		return nil
	})
}

// ProbeToken sends a code that nobody gave to the token endpoint, exactly as a
// login does: a provider that lives knows us and refuses the code.
func (w *Wire) ProbeToken(ctx context.Context) providers.Probed {
	return w.steps.Probe(ctx, providers.LevelToken, providers.StepToken, func(ctx context.Context, found *providers.Probed) error {
		var heard hearing
		_, err := w.redeem(context.WithValue(ctx, hearingKey{}, &heard), ProbeLeg(w.o.Callback), bogus)
		if !heard.answered {
			return err
		}
		found.RetryAfter = RetryAfter(heard.answer.Status, heard.header, w.o.Now())
		switch {
		case err == nil:
			return &providers.Error{Outcome: providers.Trust, Code: "bogus_code_accepted", Err: errAnswer}
		case w.refusedWell(heard.answer):
			return nil
		case heard.answer.Status == http.StatusTooManyRequests:
			return &providers.Error{Outcome: providers.Unknown, Code: StatusCode(heard.answer.Status), Err: errQuota}
		}
		return err
	})
}

// refusedWell reports whether a is how a healthy provider refuses a code that
// nobody gave. What is not known to be that is never taken for it.
func (w *Wire) refusedWell(a Answer) bool {
	if a.Document == nil || a.Status >= http.StatusInternalServerError || a.Status == http.StatusTooManyRequests {
		return false
	}
	if w.o.Quirks.Refused != nil {
		return w.o.Quirks.Refused(a)
	}
	return a.Document.Raw("error") == "invalid_grant"
}

// ProbeLeg is the leg of every probe that comes back to callback: nobody's.
func ProbeLeg(callback string) providers.Leg {
	return providers.Leg{State: bogus, Nonce: bogus, Verifier: bogus, RedirectURI: callback}
}

// hearing is the token endpoint's answer as it came, for a probe. It travels in
// the context, because the library in between hands out no answers.
type hearing struct {
	answered bool
	answer   Answer
	header   http.Header
}

type hearingKey struct{}

// listen notes an answer for the probe that asked, if one did.
func listen(r *http.Request, a Answer, header http.Header) {
	if heard, ok := r.Context().Value(hearingKey{}).(*hearing); ok {
		*heard = hearing{answered: true, answer: a, header: header}
	}
}

// Agent names what sends probes and, by the origin of our callback URL, whom to
// talk to about them.
func Agent(callback string) string {
	u, err := url.Parse(callback)
	if err != nil || u.Host == "" {
		return "Bongsu-probe"
	}
	return "Bongsu-probe (+" + u.Scheme + "://" + u.Host + "/)"
}

// RetryAfter returns for how long a provider that gave this answer wants to be
// left alone: what it says with an error, a minute where it refuses (403, 429)
// and does not say, 0 otherwise. It is a day at most.
func RetryAfter(status int, header http.Header, now time.Time) time.Duration {
	if status < http.StatusBadRequest {
		return 0
	}
	text := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil && seconds > 0 {
		return min(time.Duration(seconds)*time.Second, restMost)
	}
	if at, err := http.ParseTime(text); err == nil && at.After(now) {
		return min(at.Sub(now), restMost)
	}
	if status == http.StatusForbidden || status == http.StatusTooManyRequests {
		return restFor
	}
	return 0
}

// StatusCode makes a code of an HTTP status, where nothing else is known.
func StatusCode(status int) string { return "http_" + strconv.Itoa(status) }
