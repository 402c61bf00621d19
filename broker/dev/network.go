package dev

import (
	"context"
	"net"
	"time"

	"github.com/bongsu/bongsu/providers/fakeidp/fakenet"
)

// outsideFor bounds connecting to what the simulated network has not: the
// clients of this machine.
const outsideFor = 2 * time.Second

// buildNetwork opens the network between the broker and the providers.
func (i *Instance) buildNetwork(context.Context) error {
	outside := &net.Dialer{Timeout: outsideFor}
	var err error
	i.network, err = fakenet.Open(fakenet.Options{
		Hosts: fakenet.Upstreams(i.upstreams), Outside: outside.DialContext, HoldFor: i.options.HoldFor,
	})
	if err != nil {
		return err
	}
	i.onStop(i.network.Close)
	return nil
}
