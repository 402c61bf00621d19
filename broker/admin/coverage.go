package admin

import (
	"github.com/bongsu/bongsu/broker/coverage"
)

// coverage counts, for one client or for each, what the loss of one provider or
// of each would mean. Of all clients together it is said first.
func (h *Handler) coverage(c *call) (any, error) {
	query := c.r.URL.Query()
	clients := append([]string{""}, h.o.Coverage.Clients()...)
	if query.Has("client") {
		clients = []string{query.Get("client")}
	}
	rows := []Coverage{}
	for _, client := range clients {
		lost := h.o.Coverage.Permits(client)
		if query.Has("without") {
			lost = []string{query.Get("without")}
		}
		if len(lost) == 0 { // an unknown client, or one without a way in
			lost = []string{""}
		}
		for _, without := range lost {
			counted, err := h.o.Coverage.Measure(c.ctx, client, without)
			if err != nil {
				return nil, err
			}
			rows = append(rows, row(counted))
		}
	}
	return rows, nil
}

func row(c coverage.Coverage) Coverage {
	r := Coverage{Client: c.Client, Without: c.Without, Active: c.Active, Covered: c.Covered}
	if ratio, ok := c.Ratio(); ok {
		r.Ratio = &ratio
	}
	return r
}
