package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/bongsu/bongsu/broker/audit"
)

// maxCredential bounds a credential in bytes. Ours have about 70.
const maxCredential = 512

// admit returns the operator that r proves, or why it proves none. Only a
// configured credential does: nothing that a person or a website holds, and
// nothing that a browser sends by itself.
func (h *Handler) admit(r *http.Request) (operator string, refused *Problem) {
	switch {
	case fromPage(r):
		refused = &Problem{Title: "Orders are not given by web pages.", Status: http.StatusForbidden, Code: CodeForbidden}
		h.refuse(r, "cross_site")
		return "", refused
	case len(r.Header.Values("Authorization")) == 0:
		h.refuse(r, "no_credential")
	default:
		if operator = h.known(r.Header.Values("Authorization")); operator != "" {
			return operator, nil
		}
		h.refuse(r, "unknown_credential")
	}
	return "", &Problem{
		Title: "This takes an operator's credential.", Status: http.StatusUnauthorized, Code: CodeUnauthorized,
	}
}

// fromPage reports whether a browser sent r on behalf of a page.
func fromPage(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return r.Header.Get("Origin") != "" || site != "" && site != "none"
}

// known returns whose credential it is. It compares with all of them, so that
// the time it takes tells nothing.
func (h *Handler) known(headers []string) string {
	if len(headers) != 1 || len(headers[0]) > maxCredential {
		return ""
	}
	scheme, credential, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Bearer") || credential == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(credential))
	name := ""
	for _, operator := range *h.operators.Load() {
		for _, hash := range operator.SecretHashes {
			if subtle.ConstantTimeCompare(sum[:], hash[:]) == 1 {
				name = operator.Name
			}
		}
	}
	return name
}

func (h *Handler) refuse(r *http.Request, reason string) {
	h.o.Audit.Record(r.Context(), audit.Event{Name: audit.OperatorRefused, Action: r.Pattern, Reason: reason})
}
