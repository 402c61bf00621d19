package broker_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/broker/store/pgtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(pgtest.Main(m),
		// A probe that is under way when gossip ends waits for its answer, for two
		// seconds at most; the library does not.
		goleak.IgnoreAnyFunction("github.com/hashicorp/memberlist.(*Memberlist).probeNode"))
}
