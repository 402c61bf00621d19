package broker_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/bongsu/bongsu/broker/cluster/clustertest"
	"github.com/bongsu/bongsu/broker/store/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(clustertest.Settled(pgtest.Main(m))) }
