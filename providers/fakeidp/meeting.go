package fakeidp

import (
	"io"
	"net/http"
	"time"
)

// unavailable is the proxy in front of a service whose inside is gone.
func (c *call) unavailable() { c.fail(unavailable()) }

// fail answers something else than the dialect's own errors.
func (c *call) fail(answer reply) {
	c.u.tell(Event{What: Refused, Endpoint: c.route.endpoint, Detail: http.StatusText(answer.status)})
	c.reply(answer)
}

func (c *call) tooMany() {
	c.w.Header().Set("Retry-After", "30")
	c.fail(page5xx(http.StatusTooManyRequests))
}

func (c *call) badGateway() { c.fail(page5xx(http.StatusBadGateway)) }

func page5xx(status int) reply {
	text := http.StatusText(status)
	return reply{status: status, text: "<!doctype html><title>" + text + "</title><h1>" + text + "</h1>"}
}

// transientTexts is how a dialect says on a page that it will pass.
var transientTexts = map[Dialect]string{
	Kakao: "KOE003: 일시적인 오류가 발생했습니다. 잠시 후 다시 시도해 주세요.",
	Naver: "일시적인 오류로 서비스에 접속할 수 없습니다. 잠시 후 다시 이용해 주세요.",
}

const transientText = "AADSTS90033: A transient error has occurred. Please try again."

// transientError is a page that looks like success to whoever reads the status,
// and from which nothing leads on.
func (c *call) transientError() {
	text, ok := transientTexts[c.u.dialect.name]
	if !ok {
		text = transientText
	}
	c.u.tell(Event{What: Refused, Endpoint: c.route.endpoint, Detail: "transient error"})
	v := c.newView()
	v.Heading = v.Words.Refused
	v.Refusal = text
	c.show(http.StatusOK, v)
}

// deadEnd is a step that waits for something that never comes.
func (c *call) deadEnd() {
	c.u.tell(Event{What: Refused, Endpoint: c.route.endpoint, Detail: "nothing follows"})
	v := c.newView()
	v.Heading = v.Words.Waiting
	c.show(http.StatusOK, v)
}

// trickle begins an answer and never ends it.
func (c *call) trickle() {
	c.w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	_, changed := c.u.arrive("")
	for end := c.u.patience(); end > 0; end -= trickleEvery {
		if _, err := io.WriteString(c.w, " "); err != nil {
			break // the client left
		}
		_ = http.NewResponseController(c.w).Flush() // a recorder cannot, which is as good
		select {
		case <-changed:
			panic(http.ErrAbortHandler)
		default:
		}
		if !c.u.server.wait(c.r, min(trickleEvery, end), changed) {
			break
		}
	}
	panic(http.ErrAbortHandler)
}

// trickleEvery is the pause between two bytes.
const trickleEvery = time.Second

// disguise answers an internal error as if the request were wrong, or nothing.
func disguise(_ *call, s Scope) meeting {
	answers := map[string]func(*call){
		"own": func(c *call) { c.refuse(disguised) },
		"200": func(c *call) {
			c.fail(reply{status: http.StatusOK, document: map[string]any{"ok": false, "errcode": -1, "error": "internal_error", "errmsg": "system error"}})
		},
		"401": func(c *call) {
			c.fail(reply{status: http.StatusUnauthorized, document: map[string]any{"message": "Unauthorized"}})
		},
		"404": func(c *call) { c.fail(lost()) },
	}
	return meeting{answer: answers[s.Variant]}
}

// status is what the upstream says about itself: the truth, except under
// [StatusFeedLies].
func (c *call) status() {
	indicator, description := "none", "All Systems Operational"
	bad := c.knobs.fault.Name != ""
	if c.knobs.fault.Name == StatusFeedLies {
		bad = c.knobs.fault.scope.Variant == "red"
	}
	if bad {
		indicator, description = "major", "Partial System Outage"
	}
	c.write(map[string]any{
		"page":   map[string]any{"name": c.u.Title(), "updated_at": c.u.server.o.Now().UTC().Format(time.RFC3339)},
		"status": map[string]any{"indicator": indicator, "description": description},
	})
}
