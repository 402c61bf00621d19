package admin

import (
	"context"
	"errors"
	"net/http"

	"github.com/bongsu/bongsu/broker/coverage"
	"github.com/bongsu/bongsu/broker/drill"
	"github.com/bongsu/bongsu/broker/store"
	"github.com/bongsu/bongsu/providers"
)

func invalid(detail string) *Problem {
	return &Problem{Title: "The order cannot be understood.", Status: http.StatusBadRequest, Detail: detail, Code: CodeInvalid}
}

func notFound(detail string) *Problem {
	return &Problem{Title: "There is no such thing.", Status: http.StatusNotFound, Detail: detail, Code: CodeNotFound}
}

func refusedBy(check, detail, override string) *Problem {
	return &Problem{
		Title: "A safety check refused.", Status: http.StatusConflict, Detail: detail, Code: CodeRefused, Check: check, Override: override,
	}
}

// problem puts any error into words. What nobody classified means that something
// failed here, never that something is so; its text stays in the log.
func problem(err error) *Problem {
	var known *Problem
	var guard drill.Guard
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &guard):
		return refusedBy(guard.Check, guard.Why, "")
	case errors.Is(err, drill.ErrRequest):
		return invalid(err.Error())
	case errors.Is(err, coverage.ErrClient), errors.Is(err, coverage.ErrProvider):
		return notFound(err.Error())
	case errors.Is(err, store.ErrNotFound):
		return notFound("")
	case errors.Is(err, store.ErrConflict):
		return &Problem{Title: "It is so already, or something else is in the way.", Status: http.StatusConflict, Code: CodeConflict}
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &Problem{
			Title:  "This could not be decided now.",
			Detail: "the store's writer cannot be reached; nothing is known to have changed; try again",
			Status: http.StatusServiceUnavailable, Code: CodeUnavailable,
		}
	case errors.Is(err, providers.ErrUnavailable), errors.Is(err, providers.ErrUnknown):
		return &Problem{
			Title:  "This could not be decided now.",
			Detail: "the provider, or what the store holds of it, could not be read; nothing is known to have changed; try again",
			Status: http.StatusServiceUnavailable, Code: CodeUnavailable,
		}
	default:
		return &Problem{Title: "The order failed here.", Status: http.StatusInternalServerError, Code: CodeInternal}
	}
}
